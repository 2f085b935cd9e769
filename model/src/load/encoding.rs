//! Takes a file's bytes as UTF-8, or says which other encoding they seem to be in and what to do.

use std::borrow::Cow;

/// What to do about a file that is not UTF-8, and where its bytes stop being UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUtf8<'bytes> {
    /// What is readable of it, before the first byte that is not.
    pub(super) readable: Cow<'bytes, str>,
    /// What it seems to be, and what to do.
    pub(super) advice: &'static str,
}

/// The text of a file, without its byte-order mark.
///
/// # Errors
/// It is in another encoding.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, NotUtf8<'_>> {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if is_utf16(bytes) {
        let advice = "this file is in UTF-16, not UTF-8: save it again as UTF-8 (in Excel: \"CSV UTF-8\")";
        return Err(NotUtf8 {
            readable: Cow::Borrowed(""),
            advice,
        });
    }
    std::str::from_utf8(text).map_err(|error| {
        // Some pairs of GBK are also UTF-8 by chance, so GBK is told from its first character on.
        let is_gbk = is_gbk(text);
        let first = text
            .iter()
            .position(|byte| *byte > 0x7F)
            .filter(|_| is_gbk)
            .unwrap_or(error.valid_up_to());
        let (readable, _) = text.split_at_checked(first).unwrap_or((text, &[]));
        let advice = if is_gbk {
            "this file seems to be in GBK, not UTF-8: save it again as UTF-8 (in Excel: \"CSV UTF-8\")"
        } else {
            "this is not UTF-8 from here on: save the file again as UTF-8"
        };
        NotUtf8 {
            readable: String::from_utf8_lossy(readable),
            advice,
        }
    })
}

/// UTF-16 has a mark of its own, or a zero in every second byte of plain letters.
fn is_utf16(bytes: &[u8]) -> bool {
    let marked = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    marked
        || matches!(bytes, [0, first, 0, second, ..] | [first, 0, second, 0, ..] if *first != 0 && *second != 0)
}

/// GBK writes a Chinese character as a byte above 0x80 and one from 0x40 on; text in it has nothing else above 0x7F.
fn is_gbk(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(lead) = rest.next() {
        match lead {
            0..=0x7F => {}
            0x81..=0xFE if matches!(rest.next(), Some(0x40..=0x7E | 0x80..=0xFE)) => {}
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_text() {
        assert_eq!(utf8(b"\xEF\xBB\xBFid,name"), Ok("id,name"));
        assert_eq!(utf8("1号楼".as_bytes()), Ok("1号楼"));
        assert_eq!(utf8(b""), Ok(""));
    }

    #[test]
    fn another_encoding_is_refused_by_its_name() {
        let gbk_for_water_pump = b"id,name\np,\xCB\xAE\xB1\xC3\n";
        let refused = utf8(gbk_for_water_pump).unwrap_err();
        assert_eq!(refused.readable, "id,name\np,");
        assert!(refused.advice.contains("GBK"));
        for utf16 in [&b"\xFF\xFEi\0d\0"[..], b"\xFE\xFF\0i\0d", b"i\0d\0", b"\0i\0d"] {
            assert!(utf8(utf16).unwrap_err().advice.contains("UTF-16"));
        }
        let latin1 = utf8(b"caf\xE9\n").unwrap_err();
        assert!(!latin1.advice.contains("GBK") && latin1.advice.contains("UTF-8"));
    }
}
