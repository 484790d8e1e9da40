//! Replies of SMTP servers (RFC 5321, section 4.2), read by their digits.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use crate::Answer;

/// Most bytes of a line that are kept; what follows is read and dropped. RFC 5321 allows 512.
const LONGEST_LINE: usize = 1_000;
/// Most lines that are kept.
const MOST_LINES: usize = 100;
/// Most bytes that a reply may have in all: a server that sends more never ends.
const LONGEST_REPLY: usize = 256 * 1024;

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// Its three digits.
    pub(super) code: u16,
    /// What stands behind them, a text a line. Servers write in any character set, so what is not UTF-8 is replaced.
    pub(super) lines: Vec<String>,
}

impl Reply {
    /// Reads the next reply, however many bytes each line has and whichever they are.
    pub(super) async fn read(server: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Self> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        loop {
            let line = read_line(server, &mut bytes).await?;
            let digits = line.get(..3).and_then(|digits| str::from_utf8(digits).ok());
            let code = digits.and_then(|digits| digits.parse::<u16>().ok()).filter(|code| (200..=599).contains(code));
            let code = code.ok_or_else(|| io::Error::other("the server does not reply as SMTP servers do"))?;
            let text = line.get(4..).unwrap_or_default();
            if lines.len() < MOST_LINES {
                lines.push(String::from_utf8_lossy(text).trim_end().to_owned());
            }
            if line.get(3) != Some(&b'-') {
                return Ok(Self { code, lines });
            }
        }
    }

    /// True for 2yz and 3yz: the server did it, or waits for the rest.
    pub(super) fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// What it says, in one line.
    pub(super) fn text(&self) -> String {
        self.lines.join(" ")
    }

    /// All of it, for the record.
    pub(super) fn answer(&self) -> Answer {
        Answer::reply(self.code, &self.text())
    }

    /// True for a mail that is larger than the server takes at all. A mailbox that is full (5.2.2) is another matter.
    ///
    /// The codes are those of RFC 1870 and RFC 3463.
    pub(super) fn is_too_large(&self) -> bool {
        let enhanced = self.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
        matches!(enhanced, "5.3.4" | "5.2.3") || (self.code == 552 && !enhanced.starts_with("5."))
    }
}

/// One line without its end, as much of it as is kept.
async fn read_line(server: &mut (impl AsyncBufRead + Unpin), bytes: &mut usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let found = server.fill_buf().await?;
        if found.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = found.iter().position(|byte| *byte == b'\n');
        let piece = &found[..end.unwrap_or(found.len())];
        line.extend_from_slice(&piece[..piece.len().min(LONGEST_LINE - line.len())]);
        let used = end.map_or(found.len(), |end| end + 1);
        server.consume(used);
        *bytes += used;
        if *bytes > LONGEST_REPLY {
            return Err(io::Error::other("the server's reply does not end"));
        }
        if end.is_some() {
            return Ok(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(said: &[u8]) -> io::Result<Reply> {
        Reply::read(&mut &*said).await
    }

    #[tokio::test]
    async fn k15_replies_are_read_by_their_digits() {
        for (said, code, text) in [
            (&b"250 2.0.0 queued\r\n"[..], 250, "2.0.0 queued"),
            (b"250 2.0.0 akzeptiert f\xfcr Zustellung\r\n", 250, "2.0.0 akzeptiert f\u{fffd}r Zustellung"),
            (b"550 5.1.1 Empf\xe4nger unbekannt\r\n", 550, "5.1.1 Empf\u{fffd}nger unbekannt"),
            (b"250\r\n", 250, ""),
            (b"250-one\r\n250-tw\xff\r\n250 three\n", 250, "one tw\u{fffd} three"),
            (b"354\xa0go\r\n", 354, "go"),
        ] {
            let reply = read(said).await.unwrap();
            assert_eq!((reply.code, reply.text().as_str()), (code, text));
        }
    }

    #[tokio::test]
    async fn k15_a_line_of_any_length_is_one_reply() {
        let mut said = b"250 ".to_vec();
        said.extend([b'x'; 3_000]);
        said.extend(b"\r\n250 next\r\n");
        let mut server = &*said;
        assert_eq!(Reply::read(&mut server).await.unwrap().code, 250);
        assert_eq!(Reply::read(&mut server).await.unwrap().text(), "next");
    }

    #[tokio::test]
    async fn what_is_no_reply_ends_the_dialogue() {
        for said in [
            &b""[..],
            b"25",
            b"250-one\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\xff\xff\xff\r\n",
            b"999 x\r\n",
            b"099 x\r\n",
        ] {
            assert!(read(said).await.is_err(), "{said:?}");
        }
        let endless = b"250-on and on\r\n".repeat(30_000);
        assert!(read(&endless).await.unwrap_err().to_string().contains("does not end"));
    }

    #[tokio::test]
    async fn k16_too_large_is_told_from_a_full_mailbox() {
        for (said, expected) in [
            (&b"552 5.3.4 message too big\r\n"[..], true),
            (b"552 message exceeds fixed maximum size\r\n", true),
            (b"554 5.3.4 too big\r\n", true),
            (b"550 5.2.3 larger than the current system limit\r\n", true),
            (b"552 5.2.2 mailbox full\r\n", false),
            (b"554 5.7.1 spam\r\n", false),
        ] {
            assert_eq!(read(said).await.unwrap().is_too_large(), expected, "{}", String::from_utf8_lossy(said));
        }
    }
}
