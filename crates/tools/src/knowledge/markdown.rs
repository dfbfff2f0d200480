//! Markdown (CommonMark with tables, task lists, footnotes) with the bytes of every piece of text. Front matter between
//! `---` lines says who owns the page and when it is due for review; it is not content.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::document::{Block, Kind, Parsed, mark_length};
use super::html;
use super::text::Text;

pub(super) fn parse(source: &str) -> Parsed {
    let offset = mark_length(source);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::new(source);
    for (event, range) in Parser::new_ext(source.get(offset..).unwrap_or_default(), options).into_offset_iter() {
        reader.read(event, range.start + offset..range.end + offset);
    }
    reader.parsed
}

struct Reader<'a> {
    source: &'a str,
    parsed: Parsed,
    /// The block that is being read.
    text: Text,
    lead: String,
    /// How many tags are open.
    depth: usize,
    /// The open lists: the next number, or nothing for bullets.
    lists: Vec<Option<u64>>,
    cells: usize,
    in_front_matter: bool,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            parsed: Parsed::default(),
            text: Text::default(),
            lead: String::new(),
            depth: 0,
            lists: Vec::new(),
            cells: 0,
            in_front_matter: false,
        }
    }

    fn read(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) if self.in_front_matter => self.front_matter(&text),
            Event::Text(text) | Event::Code(text) => self.text.push_inside(&text, self.source, range),
            Event::SoftBreak => self.text.push_mark(" "),
            Event::HardBreak => self.text.new_line(),
            Event::TaskListMarker(done) => self.text.push_mark(if done { "[x] " } else { "[ ] " }),
            Event::InlineHtml(tag) if tag.to_ascii_lowercase().starts_with("<br") => self.text.new_line(),
            // A block of HTML inside other content: its text, on lines of its own.
            Event::Html(_) => {
                for block in html::parse_part(self.source, range).blocks {
                    self.text.new_line();
                    self.text.append(&block.text);
                }
            }
            Event::InlineHtml(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn open(&mut self, tag: &Tag<'_>) {
        self.depth += 1;
        match tag {
            Tag::MetadataBlock(_) => self.in_front_matter = true,
            Tag::List(first) => self.lists.push(*first),
            Tag::Item => {
                self.text.new_line();
                self.text.may_break();
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.text.push_mark(&format!("{number}. "));
                        *number = number.saturating_add(1);
                    }
                    _ => self.text.push_mark("- "),
                }
            }
            Tag::TableHead | Tag::TableRow => {
                self.text.new_line();
                self.text.may_break();
                self.cells = 0;
            }
            Tag::TableCell => {
                if self.cells > 0 {
                    self.text.push_mark(" | ");
                }
                self.cells += 1;
            }
            Tag::Paragraph | Tag::CodeBlock(_) | Tag::BlockQuote(_) | Tag::HtmlBlock => {
                // The first paragraph of a list item stays on the line of its bullet.
                let line = self.text.as_str().rsplit('\n').next().unwrap_or_default();
                if !(self.depth > 1 && (line == "- " || line.ends_with(". ") && line.len() < 8)) {
                    self.text.new_line();
                }
            }
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        self.depth = self.depth.saturating_sub(1);
        match tag {
            TagEnd::MetadataBlock(_) => self.in_front_matter = false,
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::TableHead => self.lead = self.text.as_str().trim().to_owned(),
            _ => {}
        }
        if self.depth > 0 {
            return;
        }
        let kind = match tag {
            TagEnd::Heading(level) => Kind::Heading(number(level)),
            _ => Kind::Body,
        };
        let (text, lead) = (std::mem::take(&mut self.text), std::mem::take(&mut self.lead));
        if !text.is_blank() {
            self.parsed.blocks.push(Block { kind, text, lead });
        }
    }

    fn front_matter(&mut self, text: &str) {
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let value = value.trim().trim_matches(['"', '\'']).trim();
            if value.is_empty() {
                continue;
            }
            let place = match key.trim() {
                "title" => &mut self.parsed.title,
                "owner" => &mut self.parsed.owner,
                "review_by" => &mut self.parsed.review_by,
                _ => continue,
            };
            *place = Some(value.to_owned());
        }
    }
}

const fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}
