//! Internal redirects: the route follows an upstream's redirect by itself (`Router::Filter::setupRedirect`). To the filters the stream is over
//! then, without any answer, and another one begins, whose request says where it comes from.

use std::mem;
use std::rc::Rc;

use super::HttpStream;
use super::client::Client;
use super::router::Router;
use crate::http::answer;
use crate::http::header_map::HeaderMap;
use crate::http::message::{Frame, Message};
use crate::model::{Upstream, UpstreamBehaviour};

impl HttpStream {
    /// The upstream answers with a redirect that the route follows.
    pub(super) fn is_redirected(&mut self, status: u16, location: &str) {
        let headers = &mut self.request.headers;
        let old = |name| headers.text(name).unwrap_or_default().into_owned();
        let original = format!("{}://{}{}", old(":scheme"), old(":authority"), old(":path"));
        let place = location
            .split_once("://")
            .map_or(location, |(_, place)| place);
        let (host, _) = place.split_once('/').unwrap_or((place, ""));
        let path = place.get(host.len()..).unwrap_or_default();
        headers.set(":authority", host);
        headers.set(":path", path);
        headers.set("x-envoy-original-url", original);
        // Others are asked for in the same way as before (RFC 9110, section 15.4.4).
        if status == 303 && headers.get(":method") != Some(b"HEAD") {
            headers.set(":method", "GET");
            headers.remove("content-length");
            self.router.request = None;
        }
        self.status = Some(status);
        self.response_details = Some("internal_redirect".to_owned());
        let redirect = Upstream {
            status,
            headers: vec![("location".to_owned(), location.to_owned())],
            ..Upstream::default()
        };
        let (headers, _) = answer::response(
            &redirect,
            self.head,
            self.upstream_http(),
            false,
            (&self.date, self.proxy.version),
        );
        self.follows(&Rc::new(headers));
    }

    /// Envoy follows a redirect with these headers, which are in the log, although nobody has got them.
    pub(super) fn follows(&mut self, headers: &Rc<HeaderMap>) {
        self.client.headers = Some(HeaderMap::clone(headers));
        self.redirected = Some(Rc::clone(headers));
    }

    /// Whether it goes on elsewhere.
    pub(crate) fn goes_elsewhere(&self) -> bool {
        self.redirected.is_some()
    }

    /// The same in this root context of the first filter.
    pub(crate) fn in_root(self, root: u32) -> Self {
        Self { root, ..self }
    }

    /// The stream as which one goes on whose part in the last filter this is.
    pub(crate) fn redirected(&mut self) -> Self {
        let forwarded = self.router.request.as_mut();
        let body = forwarded.map(|request| request.take_body());
        let body = body.filter(|body| !body.is_empty());
        let frames = body.map(|bytes| Frame::Data { bytes, end: true });
        let headers: HeaderMap = self.request.headers.clone();
        let held = mem::take(&mut self.router.held);
        Self {
            request: Message::new(headers, frames, self.limit),
            response: None,
            root: 0,
            handle: 0,
            logging: false,
            filter_state: Rc::default(),
            connection: self.connection,
            client_address: self.client_address,
            protocol: self.protocol,
            started: self.started,
            date: Rc::clone(&self.date),
            status: None,
            response_details: None,
            flags: 0,
            failure_answered: false,
            redirected: None,
            refused: false,
            is_logged: true,
            is_upgraded: self.is_upgraded,
            deadlines: None,
            request_passed: false,
            http: self.http,
            grpc: self.grpc,
            head: self.head,
            closes: self.closes,
            limit: self.limit,
            proxy: Rc::clone(&self.proxy),
            router: Router::new(
                UpstreamBehaviour::default(),
                held,
                self.router.outside,
                &self.proxy,
            ),
            client: Client::new(self.http),
            links: Default::default(),
            out: Default::default(),
        }
    }
}
