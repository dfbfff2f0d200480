//! HTML: the text of its elements, with the bytes of every word. Scripts, styles and comments are not content; a broken
//! document is read as far as a browser would.

use std::ops::Range;

use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::document::{Block, Kind, Parsed, mark_length};
use super::text::Text;

pub(super) fn parse(source: &str) -> Parsed {
    parse_part(source, mark_length(source)..source.len())
}

/// Reads only `range` of `source`.
pub(super) fn parse_part(source: &str, range: Range<usize>) -> Parsed {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut reader = Reader::new(source);
    let part = source.get(range.clone()).unwrap_or_default();
    for token in Tokenizer::new_with_emitter(part, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => reader.open(&tag.name),
            Ok(Token::EndTag(tag)) => reader.close(&tag.name),
            Ok(Token::String(text)) => {
                let words = String::from_utf8_lossy(&text.value);
                reader.words(&words, text.span.start + range.start..text.span.end + range.start);
            }
            Ok(Token::Comment(_) | Token::Doctype(_) | Token::Error(_)) => {}
            Err(never) => match never {},
        }
    }
    reader.flush();
    reader.parsed
}

struct Reader<'a> {
    source: &'a str,
    parsed: Parsed,
    text: Text,
    kind: Kind,
    lead: String,
    /// How many lists and tables are open: they are one block with their content.
    groups: usize,
    cells: usize,
    rows: usize,
    has_head_cells: bool,
    inside: Inside,
}

/// Elements whose content is special.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Content,
    Code,
    Title,
    Preformatted,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            parsed: Parsed::default(),
            text: Text::default(),
            kind: Kind::Body,
            lead: String::new(),
            groups: 0,
            cells: 0,
            rows: 0,
            has_head_cells: false,
            inside: Inside::Content,
        }
    }

    fn open(&mut self, name: &[u8]) {
        match name {
            b"script" | b"style" => self.inside = Inside::Code,
            b"title" => self.inside = Inside::Title,
            b"br" => self.text.new_line(),
            b"ul" | b"ol" | b"table" | b"dl" => {
                if self.groups == 0 {
                    self.flush();
                    self.rows = 0;
                }
                self.groups += 1;
            }
            b"li" | b"dt" => {
                self.text.new_line();
                self.text.may_break();
                self.text.push_mark("- ");
            }
            b"tr" => {
                self.text.new_line();
                self.text.may_break();
                (self.cells, self.has_head_cells) = (0, false);
            }
            b"td" | b"th" => {
                if self.cells > 0 {
                    self.text.push_mark(" | ");
                }
                self.cells += 1;
                self.has_head_cells |= name == b"th";
            }
            b"pre" => {
                self.boundary();
                self.inside = Inside::Preformatted;
            }
            _ => match heading(name) {
                Some(level) => {
                    // Nothing that was left open reaches across a heading.
                    self.groups = 0;
                    self.flush();
                    self.kind = Kind::Heading(level);
                }
                None if is_block(name) => self.boundary(),
                None => {}
            },
        }
    }

    fn close(&mut self, name: &[u8]) {
        match name {
            b"script" | b"style" | b"title" => self.inside = Inside::Content,
            b"pre" => {
                self.inside = Inside::Content;
                self.boundary();
            }
            b"ul" | b"ol" | b"table" | b"dl" => {
                self.groups = self.groups.saturating_sub(1);
                self.boundary();
            }
            b"tr" => {
                if self.rows == 0 && self.has_head_cells {
                    self.lead = self.text.as_str().trim().to_owned();
                }
                self.rows += 1;
            }
            _ if heading(name).is_some() => self.flush(),
            _ if is_block(name) => self.boundary(),
            _ => {}
        }
    }

    fn words(&mut self, words: &str, range: Range<usize>) {
        match self.inside {
            Inside::Code => {}
            Inside::Title => {
                let title = words.split_whitespace().collect::<Vec<_>>().join(" ");
                if !title.is_empty() && self.parsed.title.is_none() {
                    self.parsed.title = Some(title);
                }
            }
            Inside::Preformatted | Inside::Content => {
                for (part, bytes) in decode(self.source, words, range) {
                    if self.inside == Inside::Preformatted {
                        self.text.push(&part, bytes);
                    } else {
                        self.collapsed(&part, &bytes);
                    }
                }
            }
        }
    }

    /// White space runs together, as a browser shows it.
    fn collapsed(&mut self, part: &str, bytes: &Range<usize>) {
        let exact = part.len() == bytes.len();
        let mut at = 0;
        for word in part.split_whitespace() {
            let start = part.get(at..).and_then(|rest| rest.find(word)).map_or(at, |found| at + found);
            if start > at {
                self.space();
            }
            at = start + word.len();
            let bytes = if exact { bytes.start + start..bytes.start + at } else { bytes.clone() };
            self.text.push(word, bytes);
        }
        if at < part.len() {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.text.as_str().is_empty() && !self.text.as_str().ends_with([' ', '\n']) {
            self.text.push_mark(" ");
        }
    }

    /// A block begins or ends: outside of lists and tables it stands alone, inside on a line of its own.
    fn boundary(&mut self) {
        if self.groups == 0 {
            self.flush();
        } else if !self.text.as_str().ends_with("- ") && !self.text.as_str().ends_with(" | ") {
            self.text.new_line();
        }
    }

    fn flush(&mut self) {
        let (text, lead) = (std::mem::take(&mut self.text), std::mem::take(&mut self.lead));
        let kind = std::mem::replace(&mut self.kind, Kind::Body);
        if !text.is_blank() {
            self.parsed.blocks.push(Block { kind, text, lead });
        }
    }
}

/// The parts of one run of text with their bytes: what stands there as it is, and each character reference (`&amp;`).
/// `words` is the whole run, decoded.
fn decode(source: &str, words: &str, range: Range<usize>) -> Vec<(String, Range<usize>)> {
    let written = source.get(range.clone()).unwrap_or_default();
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(rest) = written.get(at..).filter(|rest| !rest.is_empty()) {
        let length = if rest.starts_with('&') {
            let name = rest.bytes().skip(1).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#').count();
            1 + name + usize::from(rest.as_bytes().get(1 + name) == Some(&b';'))
        } else {
            rest.find('&').unwrap_or(rest.len())
        };
        let part = rest.get(..length).unwrap_or(rest);
        let decoded = if part.starts_with('&') { reference(part) } else { part.to_owned() };
        parts.push((decoded, range.start + at..range.start + at + part.len()));
        at += part.len();
    }
    let decoded: String = parts.iter().map(|(part, _)| part.replace("\r\n", "\n").replace('\r', "\n")).collect();
    // The reader has the last word on what the text is.
    if decoded == words { parts } else { vec![(words.to_owned(), range)] }
}

fn reference(written: &str) -> String {
    let tokens = Tokenizer::new(written).filter_map(|token| match token {
        Ok(Token::String(text)) => Some(String::from_utf8_lossy(&text.value).into_owned()),
        _ => None,
    });
    tokens.collect()
}

fn heading(name: &[u8]) -> Option<u8> {
    match name {
        [b'h', digit @ b'1'..=b'6'] => Some(digit - b'0'),
        _ => None,
    }
}

fn is_block(name: &[u8]) -> bool {
    const BLOCKS: &[&[u8]] = &[
        b"address",
        b"article",
        b"aside",
        b"blockquote",
        b"body",
        b"caption",
        b"dd",
        b"details",
        b"div",
        b"fieldset",
        b"figcaption",
        b"figure",
        b"footer",
        b"form",
        b"head",
        b"header",
        b"hr",
        b"html",
        b"legend",
        b"main",
        b"nav",
        b"p",
        b"section",
        b"summary",
        b"tbody",
        b"tfoot",
        b"thead",
    ];
    BLOCKS.contains(&name)
}
