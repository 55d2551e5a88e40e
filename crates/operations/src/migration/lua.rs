//! Lua tables as Prosody writes them: read as data, never run.
//!
//! A `.dat` file is `return {…};`, a `.list` file is `item({…});` again and again. Only constants are read: tables,
//! texts, numbers, truth. Anything else, such as a call, is a mistake.

use std::io::BufRead;

use super::source::{Mistake, Source, Unit};

/// One value, in bytes as it is written.
pub const VALUE_BYTES_MAX: usize = 12 << 20;
/// Tables inside each other.
pub const DEPTH_MAX: usize = 64;

const UNIT: Unit = Unit { name: "value", part: "value", bytes_max: VALUE_BYTES_MAX };

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `nil`.
    Nil,
    /// Truth.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text: bytes, whatever they mean.
    Text(Vec<u8>),
    /// A table, in the order in which it is written.
    Table(Table),
}

/// A table: values with a key, and values in a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Values by key, in order.
    pub fields: Vec<(Value, Value)>,
    /// Values without one, in order.
    pub row: Vec<Value>,
}

impl Value {
    /// A text in UTF-8.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A table.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
        }
    }

    /// A number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl Table {
    /// A value by a text key.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
    }

    /// A text by a text key.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.text()
    }

    /// A table by a text key.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.field(name)?.table()
    }

    /// A value by the key `false`, where Prosody keeps what is about the whole.
    pub fn about(&self) -> Option<&Value> {
        self.fields.iter().find(|(key, _)| *key == Value::Flag(false)).map(|(_, value)| value)
    }

    /// What has a text key.
    pub fn named(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().filter_map(|(key, value)| Some((key.text()?, value)))
    }
}

/// Reads values from a file, one at a time.
pub struct Reader<R> {
    source: Source<R>,
    depth: usize,
}

impl<R: BufRead> Reader<R> {
    /// A reader at the beginning of a file.
    pub fn new(from: R) -> Self {
        Self { source: Source::new(from, (1, 0), UNIT), depth: 0 }
    }

    /// The line that is being read, from 1.
    pub fn line(&self) -> u64 {
        self.source.line()
    }

    /// The one value of a `.dat` file.
    ///
    /// # Errors
    /// It is not such data.
    pub fn single(&mut self) -> Result<Value, Mistake> {
        self.source.begin();
        self.space()?;
        self.word("return")?;
        let value = self.value()?;
        self.end_of_statement()?;
        match self.source.peek()? {
            None => Ok(value),
            Some(_) => Err(self.source.mistake("there is more after the value")),
        }
    }

    /// The next item of a `.list` file with its line; `None` at the end.
    ///
    /// # Errors
    /// It is not such data.
    pub fn item(&mut self) -> Result<Option<(u64, Value)>, Mistake> {
        self.source.begin();
        self.space()?;
        if self.source.peek()?.is_none() {
            return Ok(None);
        }
        let line = self.source.line();
        self.word("item")?;
        self.sign(b'(')?;
        let value = self.value()?;
        self.sign(b')')?;
        self.end_of_statement()?;
        Ok(Some((line, value)))
    }

    fn end_of_statement(&mut self) -> Result<(), Mistake> {
        self.space()?;
        while self.source.peek()? == Some(b';') {
            self.source.next()?;
            self.space()?;
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Mistake> {
        self.space()?;
        match self.source.peek()? {
            Some(b'{') => self.table(),
            Some(quote @ (b'"' | b'\'')) => self.quoted(quote).map(Value::Text),
            Some(b'0'..=b'9' | b'-' | b'.') => self.number(),
            // What is no number is written as (1/0), (-1/0) and (0/0).
            Some(b'(') => {
                while self.source.next()? != b')' {}
                Ok(Value::Nil)
            }
            Some(byte) if byte.is_ascii_alphabetic() => match self.name()?.as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                "nil" => Ok(Value::Nil),
                other => Err(self.source.mistake(format!("{other:?} is no value: only data is read"))),
            },
            Some(byte) => Err(self.source.mistake(format!("{:?} begins no value", char::from(byte)))),
            None => Err(self.source.mistake("the file ends where a value should be")),
        }
    }

    fn table(&mut self) -> Result<Value, Mistake> {
        self.sign(b'{')?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.source.mistake(format!("more than {DEPTH_MAX} tables are inside each other")));
        }
        let mut table = Table::default();
        loop {
            self.space()?;
            match self.source.peek()? {
                Some(b'}') => break,
                Some(b'[') => {
                    self.sign(b'[')?;
                    let key = self.value()?;
                    self.sign(b']')?;
                    self.sign(b'=')?;
                    let value = self.value()?;
                    table.fields.push((key, value));
                }
                Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => {
                    let name = self.name()?;
                    self.space()?;
                    if self.source.peek()? == Some(b'=') {
                        self.source.next()?;
                        let value = self.value()?;
                        table.fields.push((Value::Text(name.into_bytes()), value));
                    } else {
                        table.row.push(match name.as_str() {
                            "true" => Value::Flag(true),
                            "false" => Value::Flag(false),
                            "nil" => Value::Nil,
                            other => {
                                return Err(self
                                    .source
                                    .mistake(format!("{other:?} is no value: only data is read")));
                            }
                        });
                    }
                }
                _ => {
                    let value = self.value()?;
                    table.row.push(value);
                }
            }
            self.space()?;
            match self.source.peek()? {
                Some(b';' | b',') => drop(self.source.next()?),
                Some(b'}') => {}
                _ => return Err(self.source.mistake("a table goes on without a comma")),
            }
        }
        self.sign(b'}')?;
        self.depth -= 1;
        Ok(Value::Table(table))
    }

    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, Mistake> {
        self.source.next()?;
        let mut text = Vec::new();
        loop {
            match self.source.next()? {
                b'\\' => self.escaped(&mut text)?,
                b'\n' => return Err(self.source.mistake("a text ends with the line")),
                byte if byte == quote => return Ok(text),
                byte => text.push(byte),
            }
        }
    }

    fn escaped(&mut self, text: &mut Vec<u8>) -> Result<(), Mistake> {
        let byte = self.source.next()?;
        text.push(match byte {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' | b'\n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'\\' | b'"' | b'\'' => byte,
            b'x' => {
                let (high, low) = (self.hex()?, self.hex()?);
                high * 16 + low
            }
            b'0'..=b'9' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    match self.source.peek()? {
                        Some(digit @ b'0'..=b'9') => {
                            self.source.next()?;
                            code = code * 10 + u32::from(digit - b'0');
                        }
                        _ => break,
                    }
                }
                u8::try_from(code).map_err(|_| self.source.mistake("an escape is larger than a byte"))?
            }
            _ => return Err(self.source.mistake("an escape is not known")),
        });
        Ok(())
    }

    fn hex(&mut self) -> Result<u8, Mistake> {
        let digit = self.source.next()?;
        let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        value.ok_or_else(|| self.source.mistake("an escape is not hexadecimal"))
    }

    fn number(&mut self) -> Result<Value, Mistake> {
        let mut text = String::new();
        while let Some(byte) = self.source.peek()? {
            if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')) {
                break;
            }
            text.push(char::from(self.source.next()?));
        }
        let hexadecimal = text.strip_prefix("0x").and_then(|digits| i64::from_str_radix(digits, 16).ok());
        #[allow(clippy::cast_precision_loss, reason = "such numbers are counts and times")]
        let number = hexadecimal.map(|number| number as f64).or_else(|| text.parse().ok());
        number.map(Value::Number).ok_or_else(|| self.source.mistake(format!("{text:?} is no number")))
    }

    fn name(&mut self) -> Result<String, Mistake> {
        let mut name = String::new();
        while let Some(byte) = self.source.peek()? {
            if !(byte.is_ascii_alphanumeric() || byte == b'_') {
                break;
            }
            name.push(char::from(self.source.next()?));
        }
        Ok(name)
    }

    fn word(&mut self, word: &str) -> Result<(), Mistake> {
        if self.name()? == word { Ok(()) } else { Err(self.source.mistake(format!("{word:?} is expected"))) }
    }

    fn sign(&mut self, sign: u8) -> Result<(), Mistake> {
        self.space()?;
        self.source.sign(sign)
    }

    /// White space, and comments to the end of their line.
    fn space(&mut self) -> Result<(), Mistake> {
        while let Some(byte) = self.source.peek()? {
            if byte.is_ascii_whitespace() {
                self.source.next()?;
            } else if byte == b'-' && self.comment()? {
                while !matches!(self.source.peek()?, None | Some(b'\n')) {
                    self.source.next()?;
                }
            } else {
                break;
            }
        }
        Ok(())
    }

    /// A minus is a comment when another one follows; it is a number otherwise.
    fn comment(&mut self) -> Result<bool, Mistake> {
        Ok(self.source.peek()? == Some(b'-') && self.source.peek_behind()? == Some(b'-'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn single(text: &str) -> Result<Value, Mistake> {
        Reader::new(text.as_bytes()).single()
    }

    #[test]
    fn an_account_is_read_as_prosody_writes_it() {
        let text = "return {\n\t[\"salt\"] = \"9772-x\";\n\t[\"iteration_count\"] = 10000;\n\t[\"stored_key\"] = \"07f3\";\n};\n";
        let value = single(text).unwrap();
        let table = value.table().unwrap();
        assert_eq!(table.text("salt"), Some("9772-x"));
        assert_eq!(table.field("iteration_count").unwrap().number(), Some(10_000.0));
    }

    #[test]
    fn rows_keys_and_escapes_are_kept() {
        let value = single(
            r#"return { "a\"b\\\195\188\n"; [false] = { pending = {} }, x = -1.5e3; true; [2] = nil; "c" -- end
            };"#,
        );
        let value = value.unwrap();
        let table = value.table().unwrap();
        assert_eq!(
            table.row,
            [Value::Text("a\"b\\ü\n".into()), Value::Flag(true), Value::Text(b"c".to_vec())]
        );
        assert!(table.about().unwrap().table().unwrap().table("pending").is_some());
        assert_eq!(table.field("x"), Some(&Value::Number(-1_500.0)));
    }

    #[test]
    fn items_come_one_by_one_with_their_lines() {
        let mut reader = Reader::new(&b"item({\n\t1;\n});\nitem({});\n"[..]);
        assert_eq!(reader.item().unwrap().unwrap().0, 1);
        assert_eq!(reader.item().unwrap().unwrap(), (4, Value::Table(Table::default())));
        assert_eq!(reader.item().unwrap(), None);
    }

    #[test]
    fn a_comment_is_passed_over_wherever_the_buffer_ends() {
        for capacity in 1..8 {
            let text = std::io::BufReader::with_capacity(capacity, &b"return { 1; -- one\n -2 }"[..]);
            let value = Reader::new(text).single().unwrap();
            assert_eq!(value.table().unwrap().row, [Value::Number(1.0), Value::Number(-2.0)]);
        }
    }

    #[test]
    fn code_is_refused_with_its_line() {
        for text in [
            "return os.execute('x')",
            "os.execute('x')",
            "return {\n a = f() }",
            "return { [1] 2 }",
            "return \"x",
            "return \"\\300\"",
            "return {} {}",
            "return",
            "",
        ] {
            assert!(single(text).is_err(), "{text}");
        }
        assert_eq!(single("return {\n\n x = y }").unwrap_err().line, 3);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = format!("return {}{}", "{".repeat(DEPTH_MAX + 1), "}".repeat(DEPTH_MAX + 1));
        assert!(single(&deep).unwrap_err().message.contains("inside each other"));
        let long = format!("return \"{}\"", "x".repeat(VALUE_BYTES_MAX));
        assert!(single(&long).unwrap_err().message.contains("MiB"));
    }

    fn written(value: &Value) -> String {
        match value {
            Value::Nil => "nil".to_owned(),
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Text(bytes) => {
                let escaped: String = bytes.iter().map(|byte| format!("\\{byte:03}")).collect();
                format!("\"{escaped}\"")
            }
            Value::Table(table) => {
                let fields = table.fields.iter().map(|(k, v)| format!("[{}] = {};", written(k), written(v)));
                let row = table.row.iter().map(|value| format!("{};\n", written(value)));
                format!("{{ {} {} }}", fields.collect::<String>(), row.collect::<String>())
            }
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Flag),
            any::<i32>().prop_map(|number| Value::Number(f64::from(number))),
            proptest::collection::vec(any::<u8>(), 0..12).prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            let fields = proptest::collection::vec((inner.clone(), inner.clone()), 0..4);
            let row = proptest::collection::vec(inner, 0..4);
            (fields, row).prop_map(|(fields, row)| Value::Table(Table { fields, row }))
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(value in values()) {
            prop_assert_eq!(single(&format!("return {};", written(&value))), Ok(value));
        }

        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = Reader::new(&*bytes).single();
            let mut items = Reader::new(&*bytes);
            while let Ok(Some(_)) = items.item() {}
        }

        #[test]
        fn nothing_like_data_makes_it_panic(text in "(return |item\\()?[\\[\\]{}();,=\"\\\\0-9a-c \n-]{0,60}") {
            let _read = Reader::new(text.as_bytes()).single();
            let mut items = Reader::new(text.as_bytes());
            while let Ok(Some(_)) = items.item() {}
        }
    }
}
