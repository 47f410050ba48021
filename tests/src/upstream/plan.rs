//! What the upstream does with one request, and when.

use std::io;
use std::sync::Arc;

use host_sim::target::{Upstream as Answer, UpstreamBehaviour};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Bytes;
use tokio::sync::watch;

use crate::body::{Chunks, header_map};
use crate::reply::{End, Reply};

/// What is done with a request.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) action: Action,
    /// Tells the holder what of the request is here.
    pub(super) arrived: Arc<watch::Sender<Arrived>>,
    /// How far the holder lets it go.
    pub(super) allowed: watch::Receiver<Allowed>,
}

/// What an upstream can do.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// It answers.
    Answer(Arc<Response>),
    /// It sends all but the end at once.
    Stream(Arc<Response>),
    /// It hangs up.
    Reset,
    /// It hangs up within its answer.
    Cut(Arc<Response>),
    /// It never answers.
    Nothing,
    /// It redirects, and answers whoever asks at this place.
    Redirect {
        place: String,
        redirect: Arc<Response>,
        then: Arc<Response>,
    },
}

/// What of a request is here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrived {
    /// Its headers.
    headers: bool,
    /// So many bytes of its body.
    bytes: usize,
    /// All of it.
    whole: bool,
}

/// How far the holder lets a request go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// The upstream may answer, or end its answer.
    released: bool,
    /// The client has the beginning of the answer, so that it can be cut off.
    begun: bool,
}

/// Of a request that is not just answered as usual: what its sender tells the upstream, and learns from it.
#[derive(Clone, Debug)]
pub struct Hold {
    arrived: watch::Receiver<Arrived>,
    allowed: Arc<watch::Sender<Allowed>>,
}

impl Hold {
    /// Waits until the upstream has the whole request.
    pub async fn arrived(&mut self) {
        self.until(|arrived| arrived.whole).await;
    }

    /// Waits until the upstream has the request's headers and as many bytes of its body.
    pub async fn received(&mut self, bytes: usize) {
        self.until(|arrived| arrived.headers && arrived.bytes >= bytes)
            .await;
    }

    async fn until(&mut self, is_here: impl FnMut(&Arrived) -> bool) {
        if self.arrived.wait_for(is_here).await.is_err() {
            // The upstream has given up on the request: then it never arrives.
            std::future::pending().await
        }
    }

    /// Whether the upstream has the whole request.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        self.arrived.borrow().whole
    }

    /// Lets the upstream go on.
    pub fn release(&self) {
        self.allowed.send_modify(|allowed| allowed.released = true);
    }

    /// Says that the client has the beginning of the response.
    pub fn begun(&self) {
        self.allowed.send_modify(|allowed| allowed.begun = true);
    }
}

/// A plan and the hold on it.
pub(super) fn plan(action: Action, held: bool) -> (Plan, Hold) {
    let (arrived, has_arrived) = watch::channel(Arrived::default());
    let (allow, allowed) = watch::channel(Allowed {
        released: !held,
        begun: false,
    });
    let plan = Plan {
        action,
        arrived: Arc::new(arrived),
        allowed,
    };
    let hold = Hold {
        arrived: has_arrived,
        allowed: Arc::new(allow),
    };
    (plan, hold)
}

/// Path and query of an address.
fn place(address: &str) -> anyhow::Result<String> {
    let address: http::Uri = address.parse()?;
    let place = address.path_and_query().map(ToString::to_string);
    Ok(place.unwrap_or_default())
}

impl Action {
    /// What this behaviour means for an upstream that usually answers so.
    pub(super) fn new(behaviour: &UpstreamBehaviour, usual: &Answer) -> anyhow::Result<Self> {
        Ok(match behaviour {
            UpstreamBehaviour::Answer(answer) => {
                let response = Arc::new(Response::new(&answer.over(usual))?);
                if answer.streams {
                    Self::Stream(response)
                } else {
                    Self::Answer(response)
                }
            }
            UpstreamBehaviour::InternalRedirect { status, location } => Self::Redirect {
                place: place(location)?,
                redirect: Arc::new(Response::new(&Answer {
                    status: *status,
                    headers: vec![("location".to_owned(), location.clone())],
                    ..Answer::default()
                })?),
                then: Arc::new(Response::new(usual)?),
            },
            // Who is not asked gets no request; should one come, it is seen there, which the scenario does not expect.
            UpstreamBehaviour::Reset
            | UpstreamBehaviour::Unreachable
            | UpstreamBehaviour::NoHealthyUpstream
            | UpstreamBehaviour::DirectResponse
            | UpstreamBehaviour::Redirect
            | UpstreamBehaviour::Neighbour(_) => Self::Reset,
            UpstreamBehaviour::ResetAfterHeaders => Self::Cut(Arc::new(Response::new(usual)?)),
            UpstreamBehaviour::Timeout => Self::Nothing,
        })
    }
}

impl Action {
    /// The same for a request at this place.
    fn at(&self, asked: &str) -> Self {
        match self {
            Self::Redirect { place, then, .. } if place == asked => Self::Answer(Arc::clone(then)),
            Self::Redirect { redirect, .. } => Self::Answer(Arc::clone(redirect)),
            other => other.clone(),
        }
    }

    /// The same for a request that gets the headers only.
    fn without_body(&self) -> Self {
        match self {
            Self::Redirect { .. } => self.clone(),
            Self::Answer(response) => Self::Answer(Arc::new(response.with_length().without_body())),
            Self::Stream(response) => Self::Stream(Arc::new(response.without_body())),
            Self::Cut(response) => Self::Cut(Arc::new(response.without_body())),
            Self::Reset => Self::Reset,
            Self::Nothing => Self::Nothing,
        }
    }
}

impl Plan {
    /// The headers are here.
    pub(super) fn begins(&self) {
        self.arrived.send_modify(|arrived| arrived.headers = true);
    }

    /// So many more bytes of the body are here.
    pub(super) fn receives(&self, bytes: usize) {
        let more = |arrived: &mut Arrived| arrived.bytes = arrived.bytes.saturating_add(bytes);
        self.arrived.send_modify(more);
    }

    /// Whether a request at this place is redirected in a way that Envoy follows.
    pub(super) fn redirects(&self, asked: &str) -> bool {
        matches!(&self.action, Action::Redirect { place, .. } if place != asked)
    }

    /// Acts, once the whole request is here, for this place. An error hangs up.
    pub(super) async fn act(
        mut self,
        method: &Method,
        place: &str,
    ) -> anyhow::Result<http::Response<Reply>> {
        self.action = self.action.at(place);
        if method == Method::HEAD {
            self.action = self.action.without_body();
        }
        self.arrived.send_modify(|arrived| arrived.whole = true);
        let response = match &self.action {
            Action::Stream(response) => {
                let (response, trailers) = (Arc::clone(response), response.trailers.clone());
                let end = Box::pin(async move {
                    self.until(|allowed| allowed.released).await;
                    Ok(trailers)
                });
                return Ok(response.until(end));
            }
            Action::Nothing => std::future::pending().await,
            Action::Reset | Action::Redirect { .. } => None,
            Action::Answer(response) | Action::Cut(response) => Some(Arc::clone(response)),
        };
        self.until(|allowed| allowed.released).await;
        match (response, &self.action) {
            (Some(response), Action::Cut(_)) => {
                let end = Box::pin(async move {
                    self.until(|allowed| allowed.begun).await;
                    Err(io::ErrorKind::ConnectionReset.into())
                });
                Ok(response.until(end))
            }
            (Some(response), _) => Ok(response.whole()),
            (None, _) => anyhow::bail!("the request is to be reset"),
        }
    }

    /// A holder that is gone holds nothing.
    async fn until(&mut self, so_far: fn(&Allowed) -> bool) {
        let _ = self.allowed.wait_for(so_far).await;
    }
}

/// An answer, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: StatusCode,
    headers: HeaderMap,
    /// In pieces.
    body: Vec<Bytes>,
    trailers: HeaderMap,
}

impl Response {
    /// This answer, if it can be expressed in HTTP.
    pub(crate) fn new(answer: &Answer) -> anyhow::Result<Self> {
        Ok(Self {
            status: StatusCode::from_u16(answer.status)?,
            headers: header_map(&answer.headers)?,
            body: answer.pieces().cloned().map(Bytes::from).collect(),
            trailers: header_map(&answer.trailers)?,
        })
    }

    /// The same, and its headers say how long the body is, if there is one.
    fn with_length(&self) -> Self {
        let mut headers = self.headers.clone();
        let length: usize = self.body.iter().map(Bytes::len).sum();
        if length > 0 {
            headers
                .entry(CONTENT_LENGTH)
                .or_insert_with(|| length.into());
        }
        Self {
            headers,
            ..self.clone()
        }
    }

    /// Its headers only.
    fn without_body(&self) -> Self {
        Self {
            body: Vec::new(),
            trailers: HeaderMap::new(),
            ..self.clone()
        }
    }

    /// It, with its body and its end.
    pub(crate) fn whole(&self) -> http::Response<Reply> {
        self.with(Reply::whole(Chunks::new(
            self.body.clone(),
            self.trailers.clone(),
        )))
    }

    fn until(&self, end: End) -> http::Response<Reply> {
        let data = Chunks::new(self.body.clone(), HeaderMap::new());
        self.with(Reply::until(data, end))
    }

    fn with(&self, reply: Reply) -> http::Response<Reply> {
        let mut answer = http::Response::new(reply);
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}
