//! BM25 over passages, in memory. Two views of every text: words stemmed as English, and words as they are, so that other
//! languages and names are found too.
//!
//! A query never meets a query parser: it is cut into words by the same analysers as the passages, and the words become a
//! plain "any of these".

use tantivy::collector::TopDocs;
use tantivy::directory::RamDirectory;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{
    Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer, TokenizerManager,
};
use tantivy::{IndexReader, ReloadPolicy, TantivyDocument, TantivyError, Term};

use super::chunk::Chunk;

/// Most different words of a query that count; the rest of a long text is ignored.
const MAX_TERMS: usize = 64;
/// Most bytes of a query that are looked at.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Longer words are noise: keys, encoded data.
const MAX_WORD_BYTES: usize = 60;
/// Memory that the index may take before it is written out (to memory as well), in bytes.
const BUDGET: usize = 64 * 1024 * 1024;

const ENGLISH: &str = "english";
const PLAIN: &str = "plain";

/// A searchable set of passages.
pub(super) struct Index {
    reader: IndexReader,
    views: Vec<View>,
    passages: usize,
}

/// One field: what it holds, how it is analysed, what a hit in it is worth.
struct View {
    field: Field,
    analyser: TextAnalyzer,
    weight: f32,
}

impl Index {
    /// Indexes `chunks`; hits are numbered as they are.
    pub(super) fn build(chunks: &[Chunk]) -> Result<Self, TantivyError> {
        let analysers = TokenizerManager::new();
        analysers.register(ENGLISH, english());
        analysers.register(PLAIN, plain());
        let mut schema = Schema::builder();
        let mut field = |name: &str, analyser: &str| {
            let indexing = TextFieldIndexing::default().set_tokenizer(analyser);
            let indexing = indexing.set_index_option(IndexRecordOption::WithFreqs);
            schema.add_text_field(name, TextOptions::default().set_indexing_options(indexing))
        };
        let (text, title) = (field("text", ENGLISH), field("title", ENGLISH));
        let (plain_text, plain_title) = (field("plain_text", PLAIN), field("plain_title", PLAIN));
        let builder = tantivy::Index::builder().schema(schema.build()).tokenizers(analysers);
        // One thread and one segment: the number of a document in the index is the number of its passage.
        let mut writer = builder.single_segment_index_writer(RamDirectory::create(), BUDGET)?;
        for chunk in chunks {
            let mut document = TantivyDocument::default();
            for (field, value) in
                [(text, &chunk.text), (plain_text, &chunk.text), (title, &chunk.title), (plain_title, &chunk.title)]
            {
                document.add_text(field, value);
            }
            writer.add_document(document)?;
        }
        let index = writer.finalize()?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let view = |field, analyser, weight| View { field, analyser, weight };
        let views = vec![
            view(text, english(), 1.0),
            view(title, english(), 0.5),
            view(plain_text, plain(), 0.4),
            view(plain_title, plain(), 0.2),
        ];
        Ok(Self { reader, views, passages: chunks.len() })
    }

    /// The best `top` passages: number and score, best first.
    pub(super) fn search(&self, query: &str, top: usize) -> Result<Vec<(usize, f32)>, TantivyError> {
        let terms = self.terms(query);
        if terms.is_empty() || top == 0 || self.passages == 0 {
            return Ok(Vec::new());
        }
        let collector = TopDocs::with_limit(top).order_by_score();
        let hits = self.reader.searcher().search(&BooleanQuery::new(terms), &collector)?;
        let mut hits: Vec<(usize, f32)> =
            hits.into_iter().filter_map(|(score, at)| Some((usize::try_from(at.doc_id).ok()?, score))).collect();
        hits.sort_by(|(a, left), (b, right)| right.total_cmp(left).then(a.cmp(b)));
        Ok(hits)
    }

    fn terms(&self, query: &str) -> Vec<(Occur, Box<dyn Query>)> {
        let mut cut = query.len().min(MAX_QUERY_BYTES);
        while !query.is_char_boundary(cut) {
            cut -= 1;
        }
        let query = query.get(..cut).unwrap_or_default();
        let mut terms: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for view in &self.views {
            let mut words: Vec<String> = Vec::new();
            let mut analyser = view.analyser.clone();
            let mut stream = analyser.token_stream(query);
            while words.len() < MAX_TERMS && stream.advance() {
                let word = &stream.token().text;
                if !words.contains(word) {
                    words.push(word.clone());
                }
            }
            for word in words {
                let term = Term::from_field_text(view.field, &word);
                let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
                terms.push((Occur::Should, Box::new(BoostQuery::new(query, view.weight))));
            }
        }
        terms
    }
}

fn english() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(stop_words())
        .filter(Stemmer::new(Language::English))
        .build()
}

fn plain() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser)
        .filter(stop_words())
        .build()
}

/// Words of questions that say nothing about what is asked for.
fn stop_words() -> StopWordFilter {
    const WORDS: &str = "a about am an and any are as at be been but by can could did do does for from had has have how i \
        if in into is it its me my no not of on or our please should so some such than that the their them then there \
        these they this to was we were what when where which who whom whose why will with would you your";
    StopWordFilter::remove(WORDS.split_whitespace().map(str::to_owned))
}
