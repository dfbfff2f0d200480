//! The names that the convention gives to providers.

/// The convention's `gen_ai.provider.name` for a provider by its configured name; that name itself where the convention
/// has none.
pub(super) fn convention_name(configured: &str) -> String {
    let name = configured.to_ascii_lowercase();
    let known = match name.as_str() {
        "azure" | "azure_openai" | "azure-openai" => "azure.ai.openai",
        "azure_ai" | "azure-ai" | "azure_inference" => "azure.ai.inference",
        "bedrock" | "aws_bedrock" | "aws-bedrock" => "aws.bedrock",
        "claude" => "anthropic",
        "gemini" | "google" | "google_ai_studio" => "gcp.gemini",
        "vertex" | "vertex_ai" | "vertexai" | "google_vertex" => "gcp.vertex_ai",
        "mistral" | "mistralai" => "mistral_ai",
        "moonshot" | "moonshotai" | "kimi" => "moonshot_ai",
        "grok" | "xai" | "x.ai" => "x_ai",
        "watsonx" | "ibm" | "ibm_watsonx" => "ibm.watsonx.ai",
        "anthropic" | "cohere" | "deepseek" | "groq" | "openai" | "perplexity" => &name,
        _ => configured,
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_have_the_convention_s_names_where_it_has_one() {
        let names = [("openai", "openai"), ("OpenAI", "openai"), ("mistral", "mistral_ai"), ("xai", "x_ai")];
        for (configured, expected) in names {
            assert_eq!(convention_name(configured), expected);
        }
        assert_eq!(convention_name("Our-vLLM"), "Our-vLLM", "what it does not know keeps its name");
    }
}
