//! What stands behind the filters: one answer for every request, or a function of the request.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::model::{Upstream, UpstreamRequest};

/// What the upstream usually answers.
#[derive(Clone)]
pub(crate) enum UsualAnswer {
    Fixture(Upstream),
    Function(Function),
}

/// What it answers to a request.
pub(crate) type Function = Arc<dyn Fn(&UpstreamRequest) -> Upstream + Send + Sync>;

impl fmt::Debug for UsualAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixture(upstream) => upstream.fmt(f),
            Self::Function(_) => f.write_str("Function"),
        }
    }
}

impl UsualAnswer {
    /// The answer to a request, which is put together only for those who look at it.
    pub(crate) fn to(
        &self,
        request: impl FnOnce() -> Option<UpstreamRequest>,
    ) -> Cow<'_, Upstream> {
        match self {
            Self::Fixture(upstream) => Cow::Borrowed(upstream),
            Self::Function(answer) => {
                let answered = request().map(|request| answer(&request));
                Cow::Owned(answered.unwrap_or_default())
            }
        }
    }
}
