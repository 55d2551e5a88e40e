//! Lists: searched, sorted, and given page by page, all in the same way.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use crate::limits::{ADMIN_PAGE, ADMIN_PAGE_MAX};

/// What is wanted of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Only those with this text in them; case does not count.
    #[serde(default)]
    pub(crate) q: Option<String>,
    /// By this field; with `-` before it the other way round.
    #[serde(default)]
    pub(crate) sort: Option<String>,
    /// Behind this one: what `next` of the page before says.
    #[serde(default)]
    pub(crate) after: Option<String>,
    /// At most so many: 50 when it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<usize>,
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// What to ask for as `after` for the next page; none when this is the last one.
    pub(crate) next: Option<String>,
    /// How many there are on all pages.
    pub(crate) total: usize,
}

impl Wanted {
    /// How many are wanted.
    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(ADMIN_PAGE) {
            limit if (1..=ADMIN_PAGE_MAX).contains(&limit) => Ok(limit),
            _ => Err(Problem::field("limit", format!("it is between 1 and {ADMIN_PAGE_MAX}"))),
        }
    }

    /// The wanted page of a whole list; `name` says what `after` calls an item.
    pub(crate) fn page<T: Serialize>(
        &self,
        items: Vec<T>,
        name: impl Fn(&T) -> String,
    ) -> Result<Page<T>, Problem> {
        let limit = self.limit()?;
        let mut items = self.sorted(self.found(items))?;
        let total = items.len();
        if let Some(after) = &self.after {
            let place = items.iter().position(|item| name(item) == *after);
            let place = place.ok_or_else(|| {
                Problem::field("after", "the list has no such item (any more)")
                    .next("Begin again without it.")
            })?;
            items.drain(..=place);
        }
        let goes_on = items.len() > limit;
        items.truncate(limit);
        let next = if goes_on { items.last().map(name) } else { None };
        Ok(Page { items, next, total })
    }

    fn found<T: Serialize>(&self, mut items: Vec<T>) -> Vec<T> {
        let wanted = self.q.as_deref().unwrap_or_default().trim().to_lowercase();
        if !wanted.is_empty() {
            items.retain(|item| says(&value(item), &wanted));
        }
        items
    }

    fn sorted<T: Serialize>(&self, items: Vec<T>) -> Result<Vec<T>, Problem> {
        let Some(sort) = self.sort.as_deref().filter(|_| !items.is_empty()) else { return Ok(items) };
        let (key, is_reversed) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
        let mut keyed: Vec<(Value, T)> = items
            .into_iter()
            .map(|item| (value(&item).get_mut(key).map(Value::take).unwrap_or_default(), item))
            .collect();
        let first = keyed.first().map(|(_, item)| value(item)).unwrap_or_default();
        if first.get(key).is_none() {
            let fields: Vec<String> =
                first.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
            return Err(Problem::field("sort", format!("it is one of {}", fields.join(", "))));
        }
        keyed.sort_by(|(a, _), (b, _)| if is_reversed { order(b, a) } else { order(a, b) });
        Ok(keyed.into_iter().map(|(_, item)| item).collect())
    }
}

fn value(item: &impl Serialize) -> Value {
    serde_json::to_value(item).unwrap_or_default()
}

/// Does a text, or anything inside, have the words?
fn says(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(wanted),
        Value::Number(number) => number.to_string().contains(wanted),
        Value::Array(all) => all.iter().any(|value| says(value, wanted)),
        Value::Object(all) => all.values().any(|value| says(value, wanted)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// Nothing first, then numbers by size and texts without regard to case.
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        _ => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize)]
    struct Item {
        name: &'static str,
        size: u32,
    }

    fn items() -> Vec<Item> {
        [("ann", 3), ("Bob", 10), ("carol", 2)].map(|(name, size)| Item { name, size }).to_vec()
    }

    fn names(wanted: &Wanted) -> Vec<&'static str> {
        let page = wanted.page(items(), |item| item.name.to_owned()).unwrap();
        page.items.into_iter().map(|item| item.name).collect()
    }

    #[test]
    fn a_list_is_searched_without_regard_to_case() {
        assert_eq!(names(&Wanted { q: Some("BO".to_owned()), ..Wanted::default() }), ["Bob"]);
        assert_eq!(names(&Wanted { q: Some("10".to_owned()), ..Wanted::default() }), ["Bob"]);
    }

    #[test]
    fn a_list_is_sorted_by_what_a_field_means() {
        let by = |sort: &str| names(&Wanted { sort: Some(sort.to_owned()), ..Wanted::default() });
        assert_eq!(by("size"), ["carol", "ann", "Bob"]);
        assert_eq!(by("-name"), ["carol", "Bob", "ann"]);
        let wrong = Wanted { sort: Some("colour".to_owned()), ..Wanted::default() };
        assert!(wrong.page(items(), |item| item.name.to_owned()).is_err());
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let first = Wanted { limit: Some(2), ..Wanted::default() };
        let page = first.page(items(), |item| item.name.to_owned()).unwrap();
        assert_eq!((page.items.len(), page.total, page.next.as_deref()), (2, 3, Some("Bob")));
        let second = Wanted { after: page.next, ..first };
        let page = second.page(items(), |item| item.name.to_owned()).unwrap();
        assert_eq!((page.items.len(), page.total, page.next), (1, 3, None));
    }

    #[test]
    fn a_page_has_a_limit_and_a_list_its_items() {
        for wrong in [
            Wanted { limit: Some(0), ..Wanted::default() },
            Wanted { limit: Some(ADMIN_PAGE_MAX + 1), ..Wanted::default() },
            Wanted { after: Some("dora".to_owned()), ..Wanted::default() },
        ] {
            assert!(wrong.page(items(), |item| item.name.to_owned()).is_err());
        }
    }
}
