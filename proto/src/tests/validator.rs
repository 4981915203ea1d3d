//! As much of JSON Schema 2020-12 as the event schemas use. A keyword that it does not know is a
//! panic, so that nothing passes unseen. Unlike the standard it also names a property that the
//! schema does not: what is written must be published.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

pub(super) struct Validator<'a> {
    root: &'a Value,
    wrong: Vec<String>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, wrong: Vec::new() }
    }

    /// What is wrong with a value, each with where it is.
    pub(super) fn check(mut self, value: &Value) -> Vec<String> {
        self.walk(self.root, value, "");
        self.wrong
    }

    fn say(&mut self, at: &str, what: impl std::fmt::Display) {
        self.wrong.push(format!("{at}: {what}"));
    }

    fn walk(&mut self, schema: &Value, value: &Value, at: &str) {
        let schema = self.merged(schema);
        if let Some(types) = schema.get("type").filter(|types| !has_type(types, value)) {
            self.say(at, format!("not of type {types}"));
            return;
        }
        for (keyword, argument) in &schema {
            match keyword.as_str() {
                // Words about the schema, and keywords that are looked at with their neighbours.
                "$schema"
                | "$defs"
                | "title"
                | "description"
                | "default"
                | "properties"
                | "additionalProperties"
                | "type" => {}
                "format" => {
                    let known = ["uint64", "uint32", "int16", "date-time"];
                    assert!(known.contains(&argument.as_str().unwrap()), "format {argument}");
                }
                "const" if argument != value => self.say(at, format!("not {argument}")),
                "enum" if !array(argument).contains(value) => {
                    self.say(at, format!("none of {argument}"));
                }
                "const" | "enum" => {}
                "pattern" => self.pattern(argument.as_str().unwrap(), value, at),
                "minimum" if value.as_f64() < argument.as_f64() => {
                    self.say(at, format!("less than {argument}"));
                }
                "maximum" if value.as_f64() > argument.as_f64() => {
                    self.say(at, format!("more than {argument}"));
                }
                "minItems" if (array(value).len() as u64) < argument.as_u64().unwrap() => {
                    self.say(at, format!("fewer than {argument} items"));
                }
                "maxItems" if (array(value).len() as u64) > argument.as_u64().unwrap() => {
                    self.say(at, format!("more than {argument} items"));
                }
                "minimum" | "maximum" | "minItems" | "maxItems" => {}
                "required" => {
                    for field in array(argument).iter().map(|field| field.as_str().unwrap()) {
                        if value.get(field).is_none() {
                            self.say(at, format!("`{field}` is missing"));
                        }
                    }
                }
                "items" => {
                    for (index, item) in array(value).iter().enumerate() {
                        self.walk(argument, item, &format!("{at}/{index}"));
                    }
                }
                "oneOf" | "anyOf" => self.one_of(argument, value, at, keyword == "oneOf"),
                other => panic!("the validator does not know `{other}`"),
            }
        }
        self.properties(&schema, value, at);
    }

    /// The schema with what its `$ref` names in its place.
    fn merged(&self, schema: &Value) -> Map<String, Value> {
        let mut merged = schema.as_object().expect("a schema is an object").clone();
        if let Some(reference) = merged.remove("$ref") {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            let referred = self.root.pointer(pointer).expect("a $ref names a definition");
            for (keyword, argument) in referred.as_object().unwrap() {
                merged.insert(keyword.clone(), argument.clone());
            }
        }
        merged
    }

    fn properties(&mut self, schema: &Map<String, Value>, value: &Value, at: &str) {
        let Some(object) = value.as_object() else {
            return;
        };
        if schema.contains_key("oneOf") || schema.contains_key("anyOf") {
            return;
        }
        let none = Map::new();
        let known = schema.get("properties").map_or(&none, |known| known.as_object().unwrap());
        for (field, inner) in object {
            let at_field = format!("{at}/{field}");
            match (known.get(field), schema.get("additionalProperties")) {
                (Some(schema), _) => self.walk(schema, inner, &at_field),
                (None, Some(rest)) if rest.is_object() => {
                    self.walk(rest, inner, &at_field);
                }
                (None, _) => self.say(at, format!("`{field}` is not in the schema")),
            }
        }
    }

    fn one_of(&mut self, choices: &Value, value: &Value, at: &str, exactly: bool) {
        let fits = |schema: &&Value| {
            let mut inner = Self { root: self.root, wrong: Vec::new() };
            inner.walk(schema, value, at);
            inner.wrong.is_empty()
        };
        match array(choices).iter().filter(fits).count() {
            0 => self.say(at, "fits none"),
            1 => {}
            _ if exactly => self.say(at, "fits more than one"),
            _ => {}
        }
    }

    /// The patterns in use, by hand: a crate for them would be heavier than they are.
    fn pattern(&mut self, pattern: &str, value: &Value, at: &str) {
        let text = value.as_str().unwrap_or_default();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let matches = match pattern {
            "^[0-9]+-[0-9]+$" => text.split_once('-').is_some_and(|(a, b)| digits(a) && digits(b)),
            "^/sallyport/[^/]+/[^/]+$" => text
                .strip_prefix("/sallyport/")
                .is_some_and(|rest| rest.split('/').filter(|part| !part.is_empty()).count() == 2),
            "^session/" => text.starts_with("session/"),
            "^SP-[0-9]{4}$" => {
                text.strip_prefix("SP-").is_some_and(|rest| rest.len() == 4 && digits(rest))
            }
            other => panic!("the validator does not know the pattern {other}"),
        };
        if !matches {
            self.say(at, format!("does not match {pattern}"));
        }
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn has_type(types: &Value, value: &Value) -> bool {
    let names: BTreeSet<_> = match types {
        Value::String(name) => BTreeSet::from([name.as_str()]),
        list => array(list).iter().map(|name| name.as_str().unwrap()).collect(),
    };
    match value {
        Value::Null => names.contains("null"),
        Value::Bool(_) => names.contains("boolean"),
        Value::Number(number) => {
            names.contains("number")
                || (names.contains("integer") && (number.is_u64() || number.is_i64()))
        }
        Value::String(_) => names.contains("string"),
        Value::Array(_) => names.contains("array"),
        Value::Object(_) => names.contains("object"),
    }
}
