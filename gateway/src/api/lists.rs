//! Lists as every resource gives them: `{"items": […], "next": null}`.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// All of a list up to so many items come at once.
pub const MOST_ITEMS: usize = 1000;

/// A list; `next` is given back as `?after=` for what follows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; null at the end.
    pub next: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The `next` of the part before.
    pub after: Option<String>,
    /// At most so many items, 1 to 1000.
    pub limit: Option<usize>,
}

impl Page {
    /// How many items at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_ITEMS).clamp(1, MOST_ITEMS)
    }
}

impl<T> List<T> {
    /// A part of a list from items that come in its order and start where the part does; `key` names an item for `next`.
    pub fn part(items: impl Iterator<Item = T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let mut items: Vec<T> = items.take(limit.saturating_add(1)).collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(key);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_to_go_on_only_when_there_is_more() {
        let part = List::part([1, 2, 3].into_iter(), 2, |item: &i32| item.to_string());
        assert_eq!((part.items, part.next.as_deref()), (vec![1, 2], Some("2")));
        let whole = List::part([1, 2].into_iter(), 2, |item: &i32| item.to_string());
        assert_eq!((whole.items, whole.next), (vec![1, 2], None));
    }
}
