use super::*;

fn found(text: &str) -> Vec<(&'static str, &str)> {
    Secrets::find(text).into_iter().map(|found| (found.kind, &text[found.span])).collect()
}

/// Keys are put together here, so that no scanner takes this file for a leak.
fn key(prefix: &str, length: usize) -> String {
    let letters = "aB3dE5gH7jK9mN2pQ4rS6tU8vW";
    prefix.chars().chain(letters.chars().cycle().take(length)).collect()
}

fn upper(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", key("", length).to_uppercase())
}

fn hex(prefix: &str, length: usize) -> String {
    prefix.chars().chain("0a1b2c3d4e5f6789".chars().cycle().take(length)).collect()
}

#[test]
fn keys_of_common_providers_are_known_by_their_shape() {
    for (kind, secret) in [
        ("AWS access key", upper("AKIA", 16)),
        ("GitHub token", key("ghp_", 36)),
        ("GitHub token", key("github_pat_", 82)),
        ("GitLab token", key("glpat-", 20)),
        ("Slack token", key("xoxb-1234567890-", 24)),
        ("Stripe key", key("sk_live_", 24)),
        ("OpenAI key", key("sk-", 48)),
        ("OpenAI key", key("sk-proj-", 60)),
        ("Anthropic key", key("sk-ant-api03-", 90)),
        ("Google key", key("AIza", 35)),
        ("npm token", key("npm_", 36)),
        ("PyPI token", key("pypi-AgEI", 100)),
        ("SendGrid key", format!("{}.{}", key("SG.", 22), key("", 43))),
        ("Twilio key", hex("SK", 32)),
        ("Mainstay token", key("mst_", 32)),
        ("JSON web token", format!("{}.{}.{}", key("eyJ", 30), key("eyJ", 60), key("", 40))),
    ] {
        for text in [format!("it is {secret}."), format!("{secret} and more"), format!("key=\"{secret}\"")] {
            assert_eq!(found(&text), [(kind, secret.as_str())], "{text}");
        }
    }
}

#[test]
fn private_keys_and_passwords_in_addresses_are_found() {
    let block = format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", key("", 64));
    assert_eq!(found(&format!("see\n{block}\nthanks")), [("private key", block.as_str())]);
    assert_eq!(found("postgres://shop:hunter2@db.example/shop"), [("password in an address", "hunter2")]);
    assert_eq!(found("-----BEGIN PUBLIC KEY-----\nabc"), []);
}

#[test]
fn a_password_or_key_is_known_by_the_word_before_it() {
    for (text, secret) in [
        ("password: hunter22", "hunter22"),
        ("My password is Tr0ub4dor&3, please check", "Tr0ub4dor&3"),
        ("DB_PASSWORD=s3cr3t-99", "s3cr3t-99"),
        ("mein Passwort ist Sommer2024!", "Sommer2024"),
        ("mot de passe : Soleil#75", "Soleil#75"),
        ("{\"api_key\": \"a8f5f167f44f4964e6c998dee827110c\"}", "a8f5f167f44f4964e6c998dee827110c"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzK3Y9KEY0",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzK3Y9KEY0",
        ),
        ("Authorization: Bearer a8f5f167f44f4964e6c998de", "a8f5f167f44f4964e6c998de"),
    ] {
        let found = found(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].1.starts_with(secret), "{text}: {found:?}");
    }
}

#[test]
fn talking_about_secrets_is_no_secret() {
    for text in [
        "I forgot my password, how can I reset it?",
        "my password is incorrect",
        "my password is not working since 2024-05-01",
        "password: ********",
        "api_key=${API_KEY}",
        "api_key: your_api_key_here_12345",
        "The token is invalid",
        "token: 1234567890123456",
        "order #W1234567, tracking 1Z999AA10123456784",
        "https://example.com/reset?step=2",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "a basket of AKIAs",
        "the bearer of this letter",
        "http://localhost:8080/a@b",
        "secret santa: anna-maria-bergstroem",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn invisible_characters_do_not_hide_a_key_and_the_reason_does_not_show_it() {
    let secret = key("ghp_", 36);
    let hidden = secret.replacen('_', "_\u{200b}", 1);
    assert_eq!(found(&hidden), [("GitHub token", hidden.as_str())]);
    let verdict = |action| Secrets::new(SecretsSettings { action }).verdict(&hidden);
    assert_eq!(verdict(Action::Block), Verdict::Block("the text holds a secret (GitHub token)".to_owned()));
    assert_eq!(verdict(Action::Mask), Verdict::Mask(vec![Masked { start: 0, end: hidden.len(), kind: "secret" }]));
    assert_eq!(verdict(Action::Flag).as_str(), "flag");
}

#[test]
fn hostile_texts_are_read_to_the_end() {
    let secret = key("ghp_", 36);
    for piece in [
        "a",
        "eyJ",
        "eyJ.",
        "sk-",
        "://",
        "-----BEGIN ",
        "password",
        "password: ",
        "a_",
        "ghp_a",
        "\u{200b}",
        "bearer ",
    ] {
        let text = format!("{} {secret}", piece.repeat(size(piece) / piece.len()));
        assert!(found(&text).iter().any(|(_, shown)| *shown == secret), "{piece:?}");
    }
}

/// A megabyte of the plainest floods, less of the others: the tests run unoptimised.
fn size(piece: &str) -> usize {
    if ["a", "7", "\u{200b}"].contains(&piece) { 1_000_000 } else { 60_000 }
}
