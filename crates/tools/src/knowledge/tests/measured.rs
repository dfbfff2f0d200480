//! How good the search is on questions that people wrote: XQuAD's English questions against its 240 paragraphs.
//! `MAINSTAY_DATA` names the folder that holds `G_retrieval`; skipped with a word where it is not set.

use std::path::PathBuf;

use super::*;

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("MAINSTAY_DATA").map(|data| PathBuf::from(data).join("G_retrieval"));
    if folder.is_none() {
        eprintln!("skipped: MAINSTAY_DATA names no data folder");
    }
    folder
}

fn lines(folder: &std::path::Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn questions_find_their_paragraph() {
    let Some(folder) = folder() else { return };
    let field = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let corpus = lines(&folder, "xquad_en_corpus.jsonl").into_iter().map(|paragraph| {
        let title = field(&paragraph, "title").replace('_', " ");
        let text = format!("# {title}\n\n{}\n", field(&paragraph, "text"));
        (format!("{}.md", field(&paragraph, "_id")), text.into_bytes())
    });
    let started = Instant::now();
    let knowledge = Knowledge::build(corpus.collect()).unwrap();
    let built = started.elapsed();

    let questions: Vec<Value> = lines(&folder, "xquad_en_questions.jsonl")
        .into_iter()
        .filter(|question| question["label"] == "answerable")
        .collect();
    let (mut gain, mut first, mut five) = (0.0, 0, 0);
    let started = Instant::now();
    for question in &questions {
        let wanted = format!("{}.md", question["extra"]["passage_id"].as_str().unwrap());
        let mut documents: Vec<String> = Vec::new();
        for passage in knowledge.search(&field(question, "text"), 30).unwrap() {
            if !documents.contains(&passage.document) {
                documents.push(passage.document);
            }
        }
        if let Some(rank) = documents.iter().take(10).position(|document| *document == wanted) {
            gain += 1.0 / f64::log2(rank as f64 + 2.0);
            first += usize::from(rank == 0);
            five += usize::from(rank < 5);
        }
    }
    let count = questions.len() as f64;
    let (recall_1, recall_5, ndcg) = (first as f64 / count, five as f64 / count, gain / count);
    println!(
        "xquad en: {} questions, {knowledge:?}: nDCG@10 {ndcg:.4}, recall@1 {recall_1:.4}, recall@5 {recall_5:.4}; \
         built in {built:?}, {:?} per search",
        questions.len(),
        started.elapsed() / questions.len() as u32
    );
    assert!(recall_5 > 0.85, "recall@5 {recall_5}");
}
