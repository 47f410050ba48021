//! Serves the pages to the browser as the filter would: with its statuses, its header fields and its bodies.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use api_credits::show::usage::answer::Answer;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime::Runtime};

/// The name of a page on which everything is wrong, under the same policy.
pub(crate) const SABOTAGED: &str = "sabotaged";

/// A server on a free port of 127.0.0.1. It ends when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    /// Serves these answers, each at its name.
    ///
    /// # Errors
    ///
    /// When there is no port to be had.
    pub(crate) fn start(mut answers: HashMap<&'static str, Answer>) -> anyhow::Result<Self> {
        if let Some(answer) = answers.values().next().cloned() {
            answers.insert(SABOTAGED, sabotaged(answer));
        }
        let answers = Arc::new(answers);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answers = Arc::clone(&answers);
                let service = service_fn(move |request| {
                    let answers = Arc::clone(&answers);
                    async move { respond(&request, &answers) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self {
            address,
            _runtime: runtime,
        })
    }

    /// Where the page of this name is.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }
}

fn respond(
    request: &http::Request<Incoming>,
    answers: &HashMap<&'static str, Answer>,
) -> anyhow::Result<Response<Full<Bytes>>> {
    let name = request.uri().path().trim_start_matches('/');
    let Some(answer) = answers.get(name) else {
        let mut missing = Response::new(Full::default());
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return Ok(missing);
    };
    let mut response = Response::new(Full::from(answer.body.clone()));
    *response.status_mut() = StatusCode::from_u16(answer.status)?;
    for (name, value) in &answer.headers {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .append(name, HeaderValue::from_str(value)?);
    }
    Ok(response)
}

/// A script, a style of its own, an image, a line that does not fit and one that cannot be read.
fn sabotaged(mut answer: Answer) -> Answer {
    let sabotage = r##"<script>document.title = "owned"</script><p style="color:red">red</p><img alt="" src="/pixel.png">
<pre>THIS LINE IS TOO LONG FOR A PHONE, BECAUSE IT GOES ON AND ON AND ON AND ON AND ON</pre>
<font color="#cccccc">faint</font></main>"##;
    answer.body = answer.body.replace("</main>", sabotage);
    answer
}
