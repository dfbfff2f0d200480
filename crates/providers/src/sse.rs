//! Server-sent events, as much of them as model APIs use: `event` and `data`, in whatever pieces the network brings.
//!
//! Lines end in LF, CRLF or CR; comments, `id` and `retry` are skipped. Memory is bounded by [`MAX_EVENT_BYTES`].

/// Largest event, and largest line.
pub(crate) const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// One event with at least one `data` line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event` field; empty where there was none.
    pub(crate) name: String,
    /// The `data` lines, joined by LF.
    pub(crate) data: String,
}

/// Why a stream of events is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SseError {
    #[error("an event of its stream is larger than {MAX_EVENT_BYTES} bytes")]
    TooLarge,
    #[error("an event of its stream is not UTF-8")]
    NotUtf8,
}

/// Takes bytes, gives events.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    past_first_line: bool,
    name: String,
    data: Option<String>,
}

impl Parser {
    /// Feeds the next piece of the body; `ready` gets every event that it completes.
    pub(crate) fn push(&mut self, mut piece: &[u8], ready: &mut impl Extend<Event>) -> Result<(), SseError> {
        // The LF of a CRLF may come with the next piece.
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_cr) {
                piece = piece.strip_prefix(b"\n").unwrap_or(piece);
            }
            let Some(end) = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.keep(piece);
            };
            let (line, rest) = piece.split_at(end);
            self.keep(line)?;
            ready.extend(self.end_line()?);
            self.after_cr = rest.starts_with(b"\r");
            piece = rest.get(1..).unwrap_or_default();
        }
        Ok(())
    }

    /// What is left at the end of the body. The standard drops an event that no blank line ended; callers may look for
    /// a bare end marker in it and must not read anything else into it.
    pub(crate) fn finish(mut self) -> Option<Event> {
        let ended = if self.line.is_empty() { Ok(None) } else { self.end_line() };
        ended.ok()?;
        self.data.map(|data| Event { name: self.name, data })
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), SseError> {
        if self.line.len() + part.len() > MAX_EVENT_BYTES {
            return Err(SseError::TooLarge);
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    fn end_line(&mut self) -> Result<Option<Event>, SseError> {
        let bytes = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&bytes).map_err(|_| SseError::NotUtf8)?;
        let is_first = !std::mem::replace(&mut self.past_first_line, true);
        let line = if is_first { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            return Ok(self.data.take().map(|data| Event { name, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) if data.len() + value.len() >= MAX_EVENT_BYTES => return Err(SseError::TooLarge),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(pieces: &[&[u8]]) -> Result<Vec<Event>, SseError> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for piece in pieces {
            parser.push(piece, &mut events)?;
        }
        Ok(events)
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    const TRANSCRIPT: &str = "\u{feff}: hello\r\n\r\nevent: first\ndata: {\"ü\": 1}\n\ndata:a\rdata:  b\r\rid: 7\nretry: 1\n\n\
                              event: second\r\ndata\r\ndata: end\r\n\r\ndata: [DONE]\n\n";

    fn expected() -> Vec<Event> {
        vec![event("first", "{\"ü\": 1}"), event("", "a\n b"), event("second", "\nend"), event("", "[DONE]")]
    }

    #[test]
    fn events_are_the_same_wherever_the_network_cuts_the_stream() {
        let bytes = TRANSCRIPT.as_bytes();
        assert_eq!(events(&[bytes]).unwrap(), expected());
        for cut in 0..=bytes.len() {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(events(&[left, right]).unwrap(), expected(), "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events(&single).unwrap(), expected());
    }

    #[test]
    fn line_ends_may_be_of_any_kind() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("data: a{end}data: b{end}{end}data: c{end}{end}");
            for cut in 0..=text.len() {
                let (left, right) = text.as_bytes().split_at(cut);
                assert_eq!(events(&[left, right]).unwrap(), [event("", "a\nb"), event("", "c")], "{end:?} at {cut}");
            }
        }
    }

    #[test]
    fn comments_and_unknown_fields_are_no_events() {
        assert_eq!(events(&[b": ping\n\nevent: x\n\nid: 1\n\nwhatever\n\n"]).unwrap(), []);
    }

    #[test]
    fn an_event_without_its_blank_line_is_not_delivered() {
        let mut parser = Parser::default();
        let mut ready = Vec::new();
        parser.push(b"data: whole\n\ndata: [DO", &mut ready).unwrap();
        parser.push(b"NE]", &mut ready).unwrap();
        assert_eq!(ready, [event("", "whole")]);
        assert_eq!(parser.finish(), Some(event("", "[DONE]")));
        assert_eq!(Parser::default().finish(), None);
    }

    #[test]
    fn a_line_or_an_event_without_end_is_refused_before_it_fills_the_memory() {
        let half = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
        assert_eq!(events(&[&half, &half]), Err(SseError::TooLarge));
        let line = [b"data: ", &half[..], b"\n"].concat();
        assert_eq!(events(&[&line, &line]), Err(SseError::TooLarge));
        assert_eq!(events(&[b"data: \xff\n\n"]), Err(SseError::NotUtf8));
    }
}
