//! The kernel's ASN.1 decoder (`lib/asn1_decoder.c`, `asn1_ber_decoder`), with its freedoms:
//! lengths need not be minimal, may be left open in constructed elements, and what follows the
//! outermost element is not looked at.

use super::steps::{Content, Element, Step};
use crate::signature::fault::Malformed;

/// The most bytes that the decoder takes (`EMSGSIZE` beyond).
const LARGEST: usize = 65_535;
/// `ASN1_CONS_BIT`
const CONSTRUCTED: u8 = 0x20;
/// `ASN1_LONG_TAG`
const LONG_TAG: u8 = 0x1f;
/// `ASN1_INDEFINITE_LENGTH`
const INDEFINITE: u8 = 0x80;

/// An element that was met.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Met<'a> {
    /// Its tag; that of its last leaf for one whose content was looked at.
    pub(super) tag: u8,
    /// What is in it; the mark that ends an open length belongs to it where nobody looked in.
    pub(super) value: &'a [u8],
    /// Header and value.
    pub(super) whole: &'a [u8],
}

/// Follows a grammar through the bytes, and hands what is noted to `act` in their order.
///
/// # Errors
/// The bytes do not fit, or `act` refuses.
pub(super) fn decode<'a, N: Copy, E: From<Malformed>>(
    bytes: &'a [u8],
    grammar: &Element<N>,
    act: &mut dyn FnMut(N, Met<'a>) -> Result<(), E>,
) -> Result<(), E> {
    if bytes.len() > LARGEST {
        return Err(Malformed::MessageLength.into());
    }
    Decoder {
        bytes,
        at: 0,
        end: bytes.len(),
        matched: false,
        last: Met::default(),
        act,
    }
    .need(grammar)
}

struct Decoder<'a, 'f, N, E> {
    bytes: &'a [u8],
    at: usize,
    /// Where the innermost element of known length ends.
    end: usize,
    /// `FLAG_MATCHED`: what was tried last did fit.
    matched: bool,
    last: Met<'a>,
    act: &'f mut dyn FnMut(N, Met<'a>) -> Result<(), E>,
}

/// A tag and a length.
struct Header {
    start: usize,
    tag: u8,
    /// `None` where it is open.
    length: Option<usize>,
}

impl<'a, N: Copy, E: From<Malformed>> Decoder<'a, '_, N, E> {
    fn follow(&mut self, steps: &[Step<N>]) -> Result<(), E> {
        for step in steps {
            match step {
                Step::Need(element) => self.need(element)?,
                Step::May(element) => self.may(element)?,
                Step::One {
                    options,
                    required,
                    note,
                } => {
                    for (index, option) in options.iter().enumerate() {
                        if index == 0 || !self.matched {
                            self.may(option)?;
                        }
                    }
                    if *required && !self.matched {
                        return Err(Malformed::UnexpectedTag.into());
                    }
                    self.note(*note)?;
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, note: Option<N>) -> Result<(), E> {
        note.map_or(Ok(()), |note| (self.act)(note, self.last))
    }

    /// `ASN1_OP_MATCH…`
    fn need(&mut self, element: &Element<N>) -> Result<(), E> {
        if self.attempt(element)? {
            Ok(())
        } else {
            Err(Malformed::UnexpectedTag.into())
        }
    }

    /// `ASN1_OP_MATCH…_OR_SKIP`
    fn may(&mut self, element: &Element<N>) -> Result<(), E> {
        if self.at < self.end {
            self.attempt(element)?;
        }
        Ok(())
    }

    /// True when the element is the next one, which is behind us then.
    fn attempt(&mut self, element: &Element<N>) -> Result<bool, E> {
        self.matched = false;
        let Some(header) = self.header(element.tag)? else {
            return Ok(false);
        };
        self.matched = true;
        match element.content {
            Content::Opaque => {
                let length = match header.length {
                    Some(length) => length,
                    None => self.open_length()?,
                };
                self.last = Met {
                    tag: header.tag,
                    ..self.met(&header, self.at, self.at + length)
                };
                self.note(element.note)?;
                self.at += length;
            }
            Content::Sequence(steps) => self.inside(&header, steps, false, element.note)?,
            Content::Repeated(steps) => self.inside(&header, steps, true, element.note)?,
        }
        Ok(true)
    }

    /// `ASN1_OP_END_SEQ…`
    fn inside(
        &mut self,
        header: &Header,
        steps: &[Step<N>],
        repeated: bool,
        note: Option<N>,
    ) -> Result<(), E> {
        let start = self.at;
        let outer = self.end;
        self.last = Met {
            tag: header.tag,
            ..Met::default()
        };
        let end = loop {
            if let Some(length) = header.length {
                self.end = start + length;
            }
            self.follow(steps)?;
            if header.length.is_some() {
                if self.at < self.end && repeated {
                    continue;
                }
                if self.at != self.end {
                    return Err(Malformed::ConstructedLength.into());
                }
                self.end = outer;
                break self.at;
            }
            let [first, second, ..] = self.bytes[self.at..self.end] else {
                return Err(Malformed::Overrun.into());
            };
            match (first, second) {
                (0, 0) => {
                    self.at += 2;
                    break self.at - 2;
                }
                (0, _) => return Err(Malformed::BadEnd.into()),
                _ if repeated => {}
                _ => return Err(Malformed::NoEnd.into()),
            }
        };
        self.last = self.met(header, start, end);
        self.matched = true;
        self.note(note)
    }

    /// An element by its header and where its value starts and ends.
    fn met(&self, header: &Header, start: usize, end: usize) -> Met<'a> {
        Met {
            tag: self.last.tag,
            value: &self.bytes[start..end],
            whole: &self.bytes[header.start..end],
        }
    }

    /// Reads tag and length if the tag fits.
    fn header(&mut self, wanted: Option<u8>) -> Result<Option<Header>, Malformed> {
        let start = self.at;
        let [tag, first, ..] = self.bytes[start..self.end] else {
            return Err(Malformed::Overrun);
        };
        if tag & LONG_TAG == LONG_TAG {
            return Err(Malformed::LongTag);
        }
        if wanted.is_some_and(|wanted| (tag ^ wanted) & !(wanted & CONSTRUCTED) != 0) {
            return Ok(None);
        }
        self.at += 2;
        let left = self.end - self.at;
        let length = if first < INDEFINITE {
            usize::from(first)
        } else if first == INDEFINITE {
            if tag & CONSTRUCTED == 0 {
                return Err(Malformed::OpenPrimitive);
            }
            if left < 2 {
                return Err(Malformed::Overrun);
            }
            return Ok(Some(Header {
                start,
                tag,
                length: None,
            }));
        } else {
            let size = usize::from(first - INDEFINITE);
            if size > 2 {
                return Err(Malformed::LongLength);
            }
            if size > left {
                return Err(Malformed::Overrun);
            }
            self.number(size)
        };
        if length > self.end - self.at {
            return Err(Malformed::Overrun);
        }
        Ok(Some(Header {
            start,
            tag,
            length: Some(length),
        }))
    }

    fn number(&mut self, size: usize) -> usize {
        let digits = &self.bytes[self.at..self.at + size];
        self.at += size;
        digits
            .iter()
            .fold(0, |number, digit| number << 8 | usize::from(*digit))
    }

    /// `asn1_find_indefinite_length`: the length of a value that nobody looks into, with the
    /// mark at its end.
    fn open_length(&self) -> Result<usize, Malformed> {
        let bytes = &self.bytes[self.at..self.end];
        let mut at = 0;
        let mut open = 1;
        while open > 0 {
            let [tag, next, ..] = bytes[at..] else {
                return Err(if at == bytes.len() {
                    Malformed::NoEnd
                } else {
                    Malformed::Overrun
                });
            };
            at += 1;
            if tag == 0 {
                at += 1;
                if next != 0 {
                    return Err(Malformed::BadEnd);
                }
                open -= 1;
                continue;
            }
            if tag & LONG_TAG == LONG_TAG {
                loop {
                    let [part, _, ..] = bytes[at..] else {
                        return Err(Malformed::Overrun);
                    };
                    at += 1;
                    if part & 0x80 == 0 {
                        break;
                    }
                }
            }
            let first = bytes[at];
            at += 1;
            let length = if first < INDEFINITE {
                usize::from(first)
            } else if first == INDEFINITE {
                if tag & CONSTRUCTED == 0 {
                    return Err(Malformed::OpenPrimitive);
                }
                open += 1;
                continue;
            } else {
                let size = usize::from(first - INDEFINITE);
                if size > size_of::<u64>() - 1 {
                    return Err(Malformed::LongLength);
                }
                let Some(digits) = bytes.get(at..at + size) else {
                    return Err(Malformed::Overrun);
                };
                at += size;
                digits.iter().fold(0, |number: usize, digit| {
                    number.saturating_mul(256) + usize::from(*digit)
                })
            };
            if length > bytes.len() - at {
                return Err(Malformed::Overrun);
            }
            at += length;
        }
        Ok(at)
    }
}
