//! A request as the command line says it.

use super::metadata::MetadataOptions;
use clap::Args;
use host_sim::scenario::Pattern;
use host_sim::target::{HttpVersion, Request, Service, ServiceAnswer, ServiceBehaviour, Upstream};

/// A request, and what the upstream answers.
#[derive(Args, Clone, Debug)]
pub(crate) struct RequestOptions {
    /// The method
    #[arg(long, default_value = "GET", help_heading = "The request")]
    method: String,
    /// Path and query
    #[arg(long, default_value = "/", help_heading = "The request")]
    path: String,
    /// A header, as in `--header 'x-user: 7'`; may be repeated
    #[arg(long, short = 'H', value_name = "NAME: VALUE", value_parser = header, help_heading = "The request")]
    header: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) metadata: MetadataOptions,
    /// The body; repeat it for a body in several pieces
    #[arg(long, value_name = "TEXT", help_heading = "The request")]
    body: Vec<String>,
    /// Send it over HTTP/2
    #[arg(long, help_heading = "The request")]
    http2: bool,
    /// A service that the filter calls, and what it answers to every path, as in `--service 'directory=200 {}'`; may be repeated
    #[arg(long, value_name = "CLUSTER=STATUS BODY", value_parser = service, help_heading = "Services")]
    service: Vec<Service>,
    /// The status that the upstream answers
    #[arg(
        long,
        value_name = "CODE",
        default_value_t = 200,
        help_heading = "The upstream's answer"
    )]
    answer_status: u16,
    /// A header of its answer; may be repeated
    #[arg(long, value_name = "NAME: VALUE", value_parser = header, help_heading = "The upstream's answer")]
    answer_header: Vec<(String, String)>,
    /// The body of its answer; repeat it for a body in several pieces
    #[arg(long, value_name = "TEXT", help_heading = "The upstream's answer")]
    answer_body: Vec<String>,
}

/// A header on the command line.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("a header is written as `name: value`")?;
    Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// A service on the command line.
fn service(text: &str) -> Result<Service, String> {
    let expected = "a service is written as `cluster=200 body`";
    let (cluster, answer) = text.split_once('=').ok_or(expected)?;
    let (status, body) = answer.split_once(' ').unwrap_or((answer, ""));
    let status = status
        .parse()
        .map_err(|_| format!("`{status}` is no status: {expected}"))?;
    let answer = Upstream {
        status,
        body: body.as_bytes().to_vec(),
        ..Upstream::default()
    };
    Ok(Service {
        cluster: cluster.to_owned(),
        behaviour: ServiceBehaviour::Answers(vec![ServiceAnswer {
            path: Pattern::Present,
            answer,
        }]),
    })
}

impl RequestOptions {
    /// The services that the filter can call.
    pub(crate) fn services(&self) -> Vec<Service> {
        self.service.clone()
    }

    /// The request.
    pub(crate) fn request(&self) -> Request {
        let host = |(name, value): &(String, String)| (name == "host").then(|| value.clone());
        let default = Request::default();
        Request {
            method: self.method.clone(),
            path: self.path.clone(),
            authority: self
                .header
                .iter()
                .find_map(host)
                .unwrap_or(default.authority),
            headers: self
                .header
                .iter()
                .filter(|(name, _)| name != "host")
                .cloned()
                .collect(),
            body: self
                .body
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect(),
            http: if self.http2 {
                HttpVersion::Two
            } else {
                HttpVersion::One
            },
            ..Request::default()
        }
    }

    /// The upstream.
    pub(crate) fn upstream(&self) -> Upstream {
        let mut pieces = self
            .answer_body
            .iter()
            .map(|text| text.clone().into_bytes());
        Upstream {
            status: self.answer_status,
            headers: self.answer_header.clone(),
            body: pieces.next().unwrap_or_default(),
            more: pieces.collect(),
            ..Upstream::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_written_in_one_word() {
        let answer = |text: &str| {
            let service = service(text)?;
            let answer = service.behaviour.answer("/any?path");
            let answer = answer.ok_or("no answer")?;
            Ok::<_, String>((service.cluster, answer.status, answer.body))
        };
        assert_eq!(
            answer("directory=201 a = b"),
            Ok(("directory".to_owned(), 201, b"a = b".to_vec()))
        );
        assert_eq!(answer("d=503"), Ok(("d".to_owned(), 503, Vec::new())));
        assert_eq!(
            answer("d=ok"),
            Err("`ok` is no status: a service is written as `cluster=200 body`".to_owned())
        );
        assert_eq!(
            answer("d"),
            Err("a service is written as `cluster=200 body`".to_owned())
        );
    }
}
