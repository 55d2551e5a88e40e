//! Data Forms (XEP-0004): questions with named fields, and their answers.

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "jabber:x:data";
/// The field that says what a form is about (XEP-0068).
pub const FORM_TYPE: &str = "FORM_TYPE";
/// Fields of one form that are read; a form with more is refused.
pub const FIELDS_MAX: usize = 128;
/// Values of one field that are read.
pub const VALUES_MAX: usize = 512;

/// What a form is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormType {
    /// Questions to answer.
    Form,
    /// The answers.
    Submit,
    /// The answers are withdrawn.
    Cancel,
    /// Something to read.
    Result,
}

impl FormType {
    fn as_str(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Submit => "submit",
            Self::Cancel => "cancel",
            Self::Result => "result",
        }
    }
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub var: String,
    /// Its type, such as `text-single`; answers may leave it out.
    pub type_: Option<&'static str>,
    /// What people read.
    pub label: Option<String>,
    /// What may be chosen: label and value.
    pub options: Vec<(String, String)>,
    /// Its values.
    pub values: Vec<String>,
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it is.
    pub type_: FormType,
    /// Its title.
    pub title: Option<String>,
    /// Its fields, `FORM_TYPE` among them.
    pub fields: Vec<Field>,
}

impl Form {
    /// A form of a kind (XEP-0068).
    pub fn new(type_: FormType, form_type: &str) -> Self {
        let hidden = Field {
            var: FORM_TYPE.to_owned(),
            type_: Some("hidden"),
            values: vec![form_type.to_owned()],
            ..Field::default()
        };
        Self { type_, title: None, fields: vec![hidden] }
    }

    /// Adds a field with values.
    #[must_use]
    pub fn with(
        mut self,
        var: &str,
        type_: &'static str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.fields.push(Field { var: var.to_owned(), type_: Some(type_), values, ..Field::default() });
        self
    }

    /// Gives the last field what people read.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        if let Some(field) = self.fields.last_mut() {
            field.label = Some(label.to_owned());
        }
        self
    }

    /// Gives the last field something to choose.
    #[must_use]
    pub fn option(mut self, label: &str, value: &str) -> Self {
        if let Some(field) = self.fields.last_mut() {
            field.options.push((label.to_owned(), value.to_owned()));
        }
        self
    }

    /// The kind of the form.
    pub fn form_type(&self) -> Option<&str> {
        self.value(FORM_TYPE)
    }

    /// A field by its name.
    pub fn field(&self, var: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.var == var)
    }

    /// The first value of a field.
    pub fn value(&self, var: &str) -> Option<&str> {
        self.field(var)?.values.first().map(String::as_str)
    }

    /// The value of a `boolean` field (XEP-0004 §3.3); `None` when it is absent.
    ///
    /// # Errors
    /// It is neither true nor false.
    pub fn flag(&self, var: &str) -> Result<Option<bool>, PayloadError> {
        match self.value(var) {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(PayloadError("a boolean field is neither true nor false")),
        }
    }

    /// Reads `<x xmlns='jabber:x:data'/>`.
    ///
    /// # Errors
    /// It has no type, too many fields, or a field without a name.
    pub fn from_element(x: &Element) -> Result<Self, PayloadError> {
        let type_ = match x.attr("type") {
            Some("form") => FormType::Form,
            Some("submit") => FormType::Submit,
            Some("cancel") => FormType::Cancel,
            Some("result") => FormType::Result,
            _ => return Err(PayloadError("a form of no known type")),
        };
        let mut fields = Vec::new();
        for element in x.children().filter(|child| child.is("field", NS)) {
            if fields.len() == FIELDS_MAX {
                return Err(PayloadError("a form with too many fields"));
            }
            let values = element.children().filter(|child| child.is("value", NS));
            let values: Vec<String> = values.take(VALUES_MAX + 1).map(Element::text).collect();
            if values.len() > VALUES_MAX {
                return Err(PayloadError("a field with too many values"));
            }
            // XEP-0004 §3.2: only fields of the type `fixed` may lack a name; they say nothing.
            let Some(var) = element.attr("var") else { continue };
            fields.push(Field { var: var.to_owned(), values, ..Field::default() });
        }
        let title = x.child("title", NS).map(Element::text);
        Ok(Self { type_, title, fields })
    }

    /// The form as it goes out.
    pub fn to_element(&self) -> Element {
        let mut x = Element::new("x", NS).with_attr("type", self.type_.as_str());
        if let Some(title) = &self.title {
            x.push(Element::new("title", NS).with_text(title.as_str()));
        }
        for field in &self.fields {
            let mut element = Element::new("field", NS).with_attr("var", field.var.as_str());
            if let Some(type_) = field.type_ {
                element.set_attr("type", type_);
            }
            if let Some(label) = &field.label {
                element.set_attr("label", label.as_str());
            }
            for (label, value) in &field.options {
                let value = Element::new("value", NS).with_text(value.as_str());
                element.push(Element::new("option", NS).with_attr("label", label.as_str()).with_child(value));
            }
            for value in &field.values {
                element.push(Element::new("value", NS).with_text(value.as_str()));
            }
            x.push(element);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_written() {
        let form = Form::new(FormType::Submit, "urn:x").with("flag", "boolean", ["1"]).with(
            "many",
            "list-multi",
            ["a", "b"],
        );
        let read = Form::from_element(&form.to_element()).unwrap();
        assert_eq!(read.form_type(), Some("urn:x"));
        assert_eq!(read.flag("flag"), Ok(Some(true)));
        assert_eq!(read.field("many").unwrap().values, ["a", "b"]);
        assert_eq!(read.value("none"), None);
    }

    #[test]
    fn a_form_without_a_type_or_with_a_strange_flag_is_refused() {
        assert!(Form::from_element(&Element::new("x", NS)).is_err());
        let form = Form::new(FormType::Submit, "urn:x").with("flag", "boolean", ["maybe"]);
        assert!(form.flag("flag").is_err());
    }

    #[test]
    fn a_form_of_too_many_fields_is_refused() {
        let mut form = Form::new(FormType::Submit, "urn:x");
        for _ in 0..FIELDS_MAX {
            form = form.with("a", "text-single", ["b"]);
        }
        assert!(Form::from_element(&form.to_element()).is_err());
    }
}
