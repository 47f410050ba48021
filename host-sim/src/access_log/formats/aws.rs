//! Amazon's load balancers and API Gateway.

use super::super::known::{Known, Quotes, Shape};
use super::super::part::{Part, Unit};

/// Application Load Balancer: `request_creation_time` is when a request came, `time` when it was answered, and the three processing times
/// make the whole. <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html>
pub(super) const LOAD_BALANCER: Known = Known {
    name: "alb",
    title: "AWS Application Load Balancer",
    shape: Shape::Text {
        line: "<type> <time> <elb> <client> <target> <request_processing_time> <target_processing_time> <response_processing_time> \
            <elb_status_code> <target_status_code> <received_bytes> <sent_bytes> \"<request>\" \"<user_agent>\" <ssl_cipher> \
            <ssl_protocol> <target_group_arn> \"<trace_id>\" \"<domain>\" \"<chosen_cert_arn>\" <matched_rule_priority> \
            <request_creation_time> \"<actions_executed>\" \"<redirect_url>\" \"<error_reason>\" \"<target_list>\" \
            \"<target_status_code_list>\" \"<classification>\" \"<classification_reason>\"",
        required: 22,
        quotes: Quotes::Escaped,
    },
    names: &[
        ("request_creation_time", Part::Start),
        ("time", Part::End),
        ("request", Part::Request),
        ("elb_status_code", Part::Status),
        ("request_processing_time", Part::Piece(Unit::Seconds)),
        ("target_processing_time", Part::Piece(Unit::Seconds)),
        ("response_processing_time", Part::Piece(Unit::Seconds)),
    ],
    // The client closed the connection.
    departed: &[460],
};

/// Classic Load Balancer: `timestamp` is when a request came.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html>
pub(super) const CLASSIC_LOAD_BALANCER: Known = Known {
    name: "elb",
    title: "AWS Classic Load Balancer",
    shape: Shape::Text {
        line: "<timestamp> <elb> <client> <backend> <request_processing_time> <backend_processing_time> <response_processing_time> \
            <elb_status_code> <backend_status_code> <received_bytes> <sent_bytes> \"<request>\" \"<user_agent>\" <ssl_cipher> \
            <ssl_protocol>",
        required: 12,
        quotes: Quotes::Escaped,
    },
    names: &[
        ("timestamp", Part::Start),
        ("request", Part::Request),
        ("elb_status_code", Part::Status),
        ("request_processing_time", Part::Piece(Unit::Seconds)),
        ("backend_processing_time", Part::Piece(Unit::Seconds)),
        ("response_processing_time", Part::Piece(Unit::Seconds)),
    ],
    departed: &[460],
};

/// API Gateway, JSON of its `$context` variables under the names of its examples: `requestTime` is when a request came, latencies are in
/// milliseconds. <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>
pub(super) const API_GATEWAY: Known = Known {
    name: "api-gateway",
    title: "AWS API Gateway JSON",
    shape: Shape::Json(&[&["httpMethod"], &["requestTime", "requestTimeEpoch"]]),
    names: &[
        ("requestTimeEpoch", Part::Start),
        ("requestTime", Part::Start),
        ("httpMethod", Part::Method),
        ("path", Part::Path),
        ("requestPath", Part::Path),
        ("rawPath", Part::Path),
        ("resourcePath", Part::Path),
        ("status", Part::Status),
        ("responseLatency", Part::Duration(Unit::Milliseconds)),
    ],
    departed: &[],
};

/// API Gateway, its example in the Common Log Format.
pub(super) const API_GATEWAY_COMMON: Known = Known {
    name: "api-gateway-clf",
    title: "AWS API Gateway CLF",
    shape: Shape::Text {
        line: "<ip> <caller> <user> [<requestTime>]\"<request>\" <status> <responseLength> <requestId> <extendedRequestId>",
        required: 8,
        quotes: Quotes::Escaped,
    },
    names: &[
        ("requestTime", Part::Start),
        ("request", Part::Request),
        ("status", Part::Status),
    ],
    departed: &[],
};

/// API Gateway, its example of comma-separated values.
pub(super) const API_GATEWAY_COLUMNS: Known = Known {
    name: "api-gateway-csv",
    title: "AWS API Gateway CSV",
    shape: Shape::Text {
        line: "<ip>,<caller>,<user>,<requestTime*>,<httpMethod>,<resourcePath>,<protocol>,<status>,<responseLength>,<requestId>,<extendedRequestId>",
        required: 10,
        quotes: Quotes::Escaped,
    },
    names: API_GATEWAY.names,
    departed: &[],
};
