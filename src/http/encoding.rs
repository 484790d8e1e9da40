//! Bodies that come compressed (RFC 9110, section 8.4): gzip and deflate are unpacked on the way in, a little at a time, and
//! what comes out counts against the same limits as what comes plain. Any other encoding is refused before anything is taken.

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use flate2::{Decompress, FlushDecompress, Status};
use futures_util::{Stream, StreamExt, stream};

use crate::{http::error::Problem, refusal::RequestRefusal};

/// Most bytes that are unpacked at a time.
const BLOCK: usize = 64 * 1024;

/// An encoding that is unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Gzip,
    /// Of zlib, as RFC 9110 has it.
    Deflate,
}

/// Unpacks a body that says it is packed.
pub(super) async fn unpack(mut request: Request, next: Next) -> Response {
    let encoding = match encoding(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(encoding)) => encoding,
        Err(problem) => {
            let mut response = problem.into_response();
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
            return response;
        }
    };
    request.headers_mut().remove(header::CONTENT_ENCODING);
    // It is that of what comes packed.
    request.headers_mut().remove(header::CONTENT_LENGTH);
    let request = request.map(|body| Body::from_stream(unpacked(body.into_data_stream(), encoding)));
    next.run(request).await
}

/// The encoding that the head names; none where the body is as it is.
fn encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Problem> {
    let lines = headers.get_all(header::CONTENT_ENCODING).iter();
    let written: Vec<_> = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase()).collect();
    let written = written.join(",");
    let encodings = written.split(',').map(str::trim).filter(|encoding| !matches!(*encoding, "" | "identity"));
    match encodings.collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["gzip" | "x-gzip"] => Ok(Some(Encoding::Gzip)),
        ["deflate"] => Ok(Some(Encoding::Deflate)),
        _ => Err(RequestRefusal::UnknownEncoding { value: written.chars().take(60).collect() }.into()),
    }
}

/// A body that is being unpacked.
struct Unpacking {
    packed: BodyDataStream,
    encoding: Encoding,
    state: Decompress,
    /// What has come and is not unpacked yet.
    input: Bytes,
    /// Between the members of a gzip file, where it may end.
    may_end: bool,
}

fn unpacked(packed: BodyDataStream, encoding: Encoding) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    let unpacking = Unpacking { packed, encoding, state: begin(encoding), input: Bytes::new(), may_end: true };
    stream::try_unfold(unpacking, |mut unpacking| async move {
        Ok::<_, axum::BoxError>(unpacking.next().await?.map(|block| (block, unpacking)))
    })
}

fn begin(encoding: Encoding) -> Decompress {
    match encoding {
        Encoding::Gzip => Decompress::new_gzip(15),
        Encoding::Deflate => Decompress::new(true),
    }
}

impl Unpacking {
    /// The next block of what is unpacked.
    async fn next(&mut self) -> Result<Option<Bytes>, axum::BoxError> {
        loop {
            if self.input.is_empty() {
                match self.packed.next().await.transpose()? {
                    Some(input) => self.input = input,
                    None if self.may_end => return Ok(None),
                    None => return Err("the packed body broke off".into()),
                }
                continue;
            }
            if self.may_end {
                self.state = begin(self.encoding);
                self.may_end = false;
            }
            let (consumed, produced) = (self.state.total_in(), self.state.total_out());
            let mut block = vec![0; BLOCK];
            let status = self.state.decompress(&self.input, &mut block, FlushDecompress::None)?;
            let consumed = usize::try_from(self.state.total_in() - consumed)?;
            let produced = usize::try_from(self.state.total_out() - produced)?;
            self.input = self.input.split_off(consumed);
            self.may_end = status == Status::StreamEnd;
            if produced > 0 {
                block.truncate(produced);
                return Ok(Some(block.into()));
            }
            if consumed == 0 && !self.may_end {
                return Err("the packed body is damaged".into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn ask(lines: &[&'static str]) -> Option<Option<Encoding>> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
        }
        encoding(&headers).ok()
    }

    #[test]
    fn encodings_are_read_as_they_are_written() {
        for plain in [&[][..], &["identity"], &["identity", ""]] {
            assert_eq!(ask(plain), Some(None), "{plain:?}");
        }
        assert_eq!(ask(&["X-GZIP"]), Some(Some(Encoding::Gzip)));
        assert_eq!(ask(&["identity, deflate"]), Some(Some(Encoding::Deflate)));
        for refused in [&["br"][..], &["gzip, gzip"], &["gzip", "deflate"], &["8bit"]] {
            assert_eq!(ask(refused), None, "{refused:?}");
        }
    }

    async fn read(packed: &[u8], encoding: Encoding, piece: usize) -> Result<Vec<u8>, axum::BoxError> {
        let pieces: Vec<_> =
            packed.chunks(piece).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(stream::iter(pieces)).into_data_stream();
        let mut blocks = std::pin::pin!(unpacked(body, encoding));
        let mut whole = Vec::new();
        while let Some(block) = blocks.next().await.transpose()? {
            assert!(block.len() <= BLOCK, "little at a time");
            whole.extend_from_slice(&block);
        }
        Ok(whole)
    }

    #[tokio::test]
    async fn what_comes_packed_is_what_it_was() {
        let plain: Vec<u8> = (0..300_000_u32).map(|at| (at / 1_000) as u8).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&plain).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&plain).unwrap();
        let zlib = zlib.finish().unwrap();
        for piece in [1, 7, 1 << 20] {
            assert_eq!(read(&gzip, Encoding::Gzip, piece).await.unwrap(), plain);
            assert_eq!(read(&zlib, Encoding::Deflate, piece).await.unwrap(), plain);
            let twice = [&*gzip, &*gzip].concat();
            assert_eq!(read(&twice, Encoding::Gzip, piece).await.unwrap().len(), 2 * plain.len(), "two members");
            assert!(read(&gzip[..gzip.len() - 9], Encoding::Gzip, piece).await.is_err(), "it broke off");
            assert!(read(&plain, Encoding::Gzip, piece).await.is_err(), "it is not packed");
        }
    }
}
