//! Words: how text is cut for the full-text index, alike on both databases and for what is asked.
//!
//! No language is known. Letters and digits make words, everything else parts them; case and accents do not count;
//! ideographs and kana are words by themselves, for nobody writes spaces between them.

use std::fmt::Write;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::Error;

/// The most bytes of a query.
pub const TEXT_QUERY_BYTES_MAX: usize = 256;
/// The most words of a query.
pub const TEXT_QUERY_WORDS_MAX: usize = 16;
/// Words of one message that are found; PostgreSQL knows places up to 16,383.
const MESSAGE_WORDS_MAX: usize = 4_000;
/// Letters of a word that count.
const WORD_CHARS_MAX: usize = 48;

/// What is looked for: all of the terms, each a word or a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextQuery(Vec<Vec<String>>);

impl TextQuery {
    /// Reads what a person typed: words are all to be there, words between quotation marks one behind the other.
    /// Nothing else has a meaning.
    ///
    /// # Errors
    /// [`Error::Limit`] when it is too long; [`Error::Refused`] when there is no word in it.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.len() > TEXT_QUERY_BYTES_MAX {
            return Err(Error::Limit {
                what: "bytes of a text that is looked for",
                max: TEXT_QUERY_BYTES_MAX,
            });
        }
        let mut terms = Vec::new();
        for (place, part) in text.split('"').enumerate() {
            if place % 2 == 1 {
                terms.push(words(part));
            } else {
                // What people write as one, such as an address, is found as one.
                terms.extend(part.split_whitespace().map(words));
            }
        }
        terms.retain(|term| !term.is_empty());
        if terms.is_empty() {
            return Err(Error::Refused("there is no word in the text that is looked for".to_owned()));
        }
        if terms.iter().map(Vec::len).sum::<usize>() > TEXT_QUERY_WORDS_MAX {
            return Err(Error::Limit {
                what: "words of a text that is looked for",
                max: TEXT_QUERY_WORDS_MAX,
            });
        }
        Ok(Self(terms))
    }

    /// For SQLite's FTS5. Words are letters and digits only, and stand between quotation marks.
    pub(crate) fn for_lite(&self, owner: &str) -> String {
        let mut expression = format!("archives : \"{}\"", archive_word(owner));
        for term in &self.0 {
            expression.push_str(" AND words : \"");
            expression.push_str(&term.join(" "));
            expression.push('"');
        }
        expression
    }

    /// For PostgreSQL's `tsquery`.
    pub(crate) fn for_pg(&self, owner: &str) -> String {
        let mut expression = format!("'{}'", archive_word(owner));
        for term in &self.0 {
            let quoted: Vec<String> = term.iter().map(|word| format!("'{word}'")).collect();
            expression.push_str(" & (");
            expression.push_str(&quoted.join(" <-> "));
            expression.push(')');
        }
        expression
    }
}

/// The word that stands for an archive, so that a search reads what is in that archive only. Two archives may
/// share one: the archive's index decides.
pub(crate) fn archive_word(owner: &str) -> String {
    let hash = owner.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("archive{hash:016x}")
}

/// The words of a message as FTS5 takes them.
pub(crate) fn for_lite(text: &str, out: &mut String) {
    cut(text, &mut |word| {
        out.push_str(word);
        out.push(' ');
    });
}

/// The words of a message, with their places, as a `tsvector` is written.
pub(crate) fn for_pg(text: &str, out: &mut String) {
    let mut place = 0;
    cut(text, &mut |word| {
        place += 1;
        // Writing into a string does not fail.
        let _written = write!(out, "{word}:{place} ");
    });
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    cut(text, &mut |word| words.push(word.to_owned()));
    words
}

fn cut(text: &str, take: &mut dyn FnMut(&str)) {
    let mut words = Words { take, word: String::with_capacity(WORD_CHARS_MAX), chars: 0, done: 0 };
    if text.is_ascii() {
        text.bytes().for_each(|byte| words.push(char::from(byte)));
    } else {
        text.nfkd().for_each(|char| words.push(char));
    }
    words.end();
}

struct Words<'a> {
    take: &'a mut dyn FnMut(&str),
    word: String,
    chars: usize,
    done: usize,
}

impl Words<'_> {
    fn push(&mut self, char: char) {
        if char.is_ascii_alphanumeric() {
            self.add(char.to_ascii_lowercase());
        } else if char.is_ascii() {
            self.end();
        } else if stands_alone(char) {
            self.end();
            self.add(char);
            self.end();
        } else if char.is_alphanumeric() && !is_combining_mark(char) {
            char.to_lowercase().filter(|char| char.is_alphanumeric()).for_each(|char| self.add(char));
        } else if !is_combining_mark(char) {
            self.end();
        }
    }

    fn add(&mut self, char: char) {
        self.chars += 1;
        if self.chars <= WORD_CHARS_MAX {
            self.word.push(char);
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() && self.done < MESSAGE_WORDS_MAX {
            (self.take)(&self.word);
            self.done += 1;
        }
        self.chars = 0;
        self.word.clear();
    }
}

/// Kana and ideographs.
fn stands_alone(char: char) -> bool {
    matches!(char, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
        && char.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_accents_and_marks_do_not_count() {
        assert_eq!(words("Café, au-lait! (No. 5)"), ["cafe", "au", "lait", "no", "5"]);
        assert_eq!(words("ÄRGER Straße"), ["arger", "straße"]);
        assert_eq!(words("ﬁne"), ["fine"]);
        assert_eq!(words("東京タワー 2"), ["東", "京", "タ", "ワ", "ー", "2"]);
        assert!(words("…!? \u{1f600}").is_empty());
    }

    #[test]
    fn words_are_anded_and_quotes_make_phrases() {
        let query = TextQuery::new("tea \"two cups\" a@b.c").unwrap();
        let all = |terms: &[&[&str]]| -> Vec<Vec<String>> {
            terms.iter().map(|term| term.iter().map(|word| (*word).to_owned()).collect()).collect()
        };
        assert_eq!(query.0, all(&[&["tea"], &["two", "cups"], &["a", "b", "c"]]));
        let archive = archive_word("bob@x");
        assert_eq!(
            query.for_lite("bob@x"),
            format!(
                "archives : \"{archive}\" AND words : \"tea\" AND words : \"two cups\" AND words : \"a b c\""
            )
        );
        assert_eq!(
            query.for_pg("bob@x"),
            format!("'{archive}' & ('tea') & ('two' <-> 'cups') & ('a' <-> 'b' <-> 'c')")
        );
    }

    #[test]
    fn a_query_is_bounded_and_has_a_word() {
        assert!(matches!(TextQuery::new(&"a".repeat(257)), Err(Error::Limit { .. })));
        assert!(matches!(TextQuery::new(&"a ".repeat(17)), Err(Error::Limit { .. })));
        assert!(matches!(TextQuery::new("\" - *"), Err(Error::Refused(_))));
    }

    proptest! {
        /// Whatever is typed: nothing but letters, digits and our own signs reaches the databases.
        #[test]
        fn no_syntax_gets_through(text in "\\PC{0,80}") {
            if let Ok(query) = TextQuery::new(&text) {
                for word in query.0.iter().flatten() {
                    prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{word:?}");
                }
            }
        }
    }
}
