//! What is no HTTP/1 at all, and what was a good request before bytes of it changed.

use super::draft::Draft;
use crate::program::Random;

const PROTOCOLS: &[&[u8]] = &[
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"SSH-2.0-OpenSSH_9.9\r\n",
    b"EHLO localhost\r\nMAIL FROM:<a@b>\r\n",
    b"USER anonymous\r\nPASS a\r\n",
    b"OPTIONS rtsp://localhost RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    b"GET /healthz\r\n",
    b"GET /\n\n",
    b"\x05\x01\0",
    b"\x04\x01\0\x50\x7f\0\0\x01\0",
    b"*1\r\n$4\r\nPING\r\n",
    b"\0\0\0\x08\x04\xd2\x16\x2f",
    b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
    b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0",
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET /healthz HTTP/1.1\r\n\r\n",
    b"\r\n\r\n\0\r\nQUIT\n!\x11\x14",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n\r\n\r\n\r\n\r\n\r\n",
    b"{\"_id\":\"a\",\"issueAccessToken\":true}",
];

/// Bytes of some other protocol, or of none.
pub(crate) fn noise(random: &mut Random) -> Vec<u8> {
    match random.below(8) {
        0..=3 => random.pick(PROTOCOLS).to_vec(),
        4 => client_hello(random),
        5 => {
            let length = random.index(2_000);
            random.bytes(length)
        }
        6 => random
            .pick(&[
                &b"\r\n"[..],
                b"\n",
                b"\r",
                b" ",
                b"\0",
                b"A",
                b"GET ",
                b"X: y\r\n",
            ])
            .repeat(random.index(9_000)),
        _ => {
            let length = random.index(400);
            let letters = b"GET POST/ HTTP/1.1\r\n\r\n: ,;=%\"{}chunked0123456789\t\n\0\xff";
            (0..length).map(|_| random.pick(letters)).collect()
        }
    }
}

/// The first record of a TLS connection, of a random length.
fn client_hello(random: &mut Random) -> Vec<u8> {
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    let length = random.index(600);
    hello.extend(random.bytes(length));
    hello
}

/// What is put between bytes of a good request.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b": ",
    b"\r\n\r\n",
    b"\r\n ",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1",
    b"%00",
    b"\xff\xfe",
    b"\x7f",
    b"\x80",
    b"GET ",
    b"Expect: 100-continue\r\n",
    b"Host: x\r\n",
];

/// A good request, in which bytes were changed, lost, doubled or put in between, wherever they stand.
pub(crate) fn mutant(random: &mut Random, draft: &Draft) -> Vec<u8> {
    let mut bytes = draft.bytes();
    for _ in 0..=random.below(3) {
        let place = random.index(bytes.len().max(1));
        let end = (place + random.index(12)).min(bytes.len());
        match random.below(6) {
            0 if place < bytes.len() => bytes[place] ^= 1 << random.below(8),
            1 if place < bytes.len() => bytes[place] = random.next().to_le_bytes()[0],
            2 => drop(bytes.drain(place..end)),
            3 => {
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
            _ => drop(bytes.splice(place..place, random.pick(PIECES).iter().copied())),
        }
    }
    bytes
}
