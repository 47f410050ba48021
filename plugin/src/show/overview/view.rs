//! Views: which organizations are asked for, and in what order.

use crate::document::{choice::expected_one_of, json::cut};

/// Which organizations are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// What is to be found in the organization's id, edition or data centre, whatever the case of ASCII letters; nothing for all.
    pub search: String,
    /// In what order.
    pub sort: Sort,
    /// How many at the most.
    pub top: usize,
}

/// An order of organizations. Those that it leaves equal are in the order of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The greatest share of their credits used first.
    #[default]
    Share,
    /// The most credits used first.
    Used,
    /// The most calls in progress first.
    InProgress,
    /// The most refused calls first.
    Refused,
    /// Those first whose credits are used up first.
    RunsOut,
    /// By id.
    Organization,
}

/// A query that asks for no view.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidView {
    /// There is no such parameter.
    #[error("unknown parameter {name:?}: {expected}", name = cut(name))]
    Unknown {
        /// Its name.
        name: String,
        /// Which there are.
        expected: String,
    },
    /// There is no such order.
    #[error("invalid `sort` {value:?}: {expected}", value = cut(value))]
    Sort {
        /// What is there instead.
        value: String,
        /// Which there are.
        expected: String,
    },
    /// Not a number of organizations.
    #[error("invalid `top` {value:?}, expected a number from 1 to {most}", value = cut(value), most = View::MOST)]
    Top {
        /// What is there instead.
        value: String,
    },
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 6] = [
        Self::Share,
        Self::Used,
        Self::InProgress,
        Self::Refused,
        Self::RunsOut,
        Self::Organization,
    ];

    /// Its name in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Used => "used",
            Self::InProgress => "in_progress",
            Self::Refused => "refused",
            Self::RunsOut => "runs_out",
            Self::Organization => "organization",
        }
    }
}

impl Default for View {
    fn default() -> Self {
        Self {
            search: String::new(),
            sort: Sort::default(),
            top: Self::USUAL,
        }
    }
}

impl View {
    /// How many organizations are shown where no number is asked for.
    pub const USUAL: usize = 1_000;
    /// The most that can be asked for.
    pub const MOST: usize = 100_000;

    /// What a query asks for: `search`, `sort` and `top`, each if it is there and not empty.
    ///
    /// # Errors
    /// When it has other parameters, or values that make no sense.
    pub fn from_query(query: &str) -> Result<Self, InvalidView> {
        let mut view = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "search" => view.search = value.trim().to_ascii_lowercase(),
                "sort" if value.is_empty() => {}
                "sort" => {
                    let found = Sort::ALL.into_iter().find(|sort| sort.name() == value);
                    view.sort = found.ok_or_else(|| InvalidView::Sort {
                        expected: expected_one_of(
                            &value,
                            "orders",
                            Sort::ALL.into_iter().map(Sort::name),
                        ),
                        value: value.into_owned(),
                    })?;
                }
                "top" if value.is_empty() => {}
                "top" => {
                    let number = value.parse().ok();
                    let number = number.filter(|number| (1..=Self::MOST).contains(number));
                    view.top = number.ok_or_else(|| InvalidView::Top {
                        value: value.into_owned(),
                    })?;
                }
                other => {
                    return Err(InvalidView::Unknown {
                        name: other.to_owned(),
                        expected: expected_one_of(
                            other,
                            "parameters",
                            ["search", "sort", "top"].into_iter(),
                        ),
                    });
                }
            }
        }
        Ok(view)
    }

    /// Whether one of these texts has in it what is searched for.
    pub fn finds<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let mut texts = texts.into_iter();
        self.search.is_empty() || texts.any(|text| text.to_ascii_lowercase().contains(&self.search))
    }

    /// The query that asks for the same in another order.
    #[must_use]
    pub fn sorted_by(&self, sort: Sort) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if !self.search.is_empty() {
            query.append_pair("search", &self.search);
        }
        query.append_pair("sort", sort.name());
        if self.top != Self::USUAL {
            query.append_pair("top", &self.top.to_string());
        }
        query.finish()
    }
}
