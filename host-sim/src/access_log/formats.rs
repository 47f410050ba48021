//! The formats that are known by name, each with where its fields are published.

mod apache;
mod aws;
mod caddy;
mod cloudflare;
mod common;
mod envoy;
mod gcp;
mod haproxy;
mod kong;
mod nginx;
mod traefik;
mod w3c;

use super::known::Known;

pub(super) use common::{COLUMNS, JSON, LINE};

/// All of them. Of those that read as many lines of a log the first one is taken, so that special ones stand before general ones.
pub(super) const ALL: &[&Known] = &[
    &envoy::TEXT,
    &envoy::ISTIO,
    &envoy::ISTIO_BEFORE_1_9,
    &envoy::TEXT_WITH_DETAILS,
    &traefik::COMMON,
    &nginx::INGRESS,
    &haproxy::HTTP,
    &aws::LOAD_BALANCER,
    &aws::CLASSIC_LOAD_BALANCER,
    &aws::API_GATEWAY_COMMON,
    &aws::API_GATEWAY_COLUMNS,
    &apache::VHOST_COMBINED,
    &common::COMBINED,
    &nginx::COMBINED,
    &apache::COMBINED,
    &common::COMMON,
    &w3c::CLOUDFRONT,
    &w3c::IIS,
    &w3c::EXTENDED,
    &envoy::GATEWAY,
    &envoy::ISTIO_JSON,
    &caddy::JSON,
    &traefik::JSON,
    &gcp::LOAD_BALANCER,
    &kong::JSON,
    &cloudflare::REQUESTS,
    &w3c::CLOUDFRONT_JSON,
    &aws::API_GATEWAY,
    &nginx::JSON,
    &apache::JSON,
    &JSON,
    &COLUMNS,
];

#[cfg(test)]
mod tests;
