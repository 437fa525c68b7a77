//! Checks of request heads that hyper does not make.

use axum::http::{Request, StatusCode, Version, header};

use crate::request::Problem;

/// Maximum size of a request head in bytes. Also the size of hyper's buffers for a connection.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// Refuses a head that is too large, and one without exactly one host (RFC 9112, 3.2).
///
/// hyper accepts a head of up to twice its buffer, depending on how the bytes arrive.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let bytes = length(request);
    if bytes > MAX_HEAD {
        let detail =
            format!("the head of the request has {bytes} bytes: the maximum is {MAX_HEAD}");
        return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too_large", detail));
    }
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if request.version() == Version::HTTP_11 && hosts != 1 {
        let detail = format!("a request has exactly one header `Host`, and this one has {hosts}");
        return Err(Problem::bad_request("invalid", detail));
    }
    Ok(())
}

/// The length of a head in bytes, with minimal white space.
fn length<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let host = uri.authority().map_or(0, |authority| authority.as_str().len());
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let line = request.method().as_str().len() + scheme + host + path + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    line + headers.sum::<usize>() + "\r\n".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_computed_length_equals_the_text() {
        for head in [
            "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "POST http://localhost:7077/v1/status?a=b HTTP/1.1\r\nhost: a\r\nx: y\r\nx: z\r\n\r\n",
        ] {
            let mut lines = head.lines();
            let mut first = lines.next().into_iter().flat_map(|line| line.split(' '));
            let request = Request::builder().method(first.next().expect("a method"));
            let mut request = request.uri(first.next().expect("a target"));
            for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
                request = request.header(name, value);
            }
            assert_eq!(length(&request.body(()).expect("a request")), head.len(), "{head}");
        }
    }
}
