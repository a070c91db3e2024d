//! The HTML page that lists a folder of public.bybit.com: one link per file or sub-folder, no sizes, no checksums.

/// Appends the listing of a folder; folders end with `/`.
///
/// Names come from the archive's own paths; those five characters that HTML reserves are escaped all the same.
pub fn push_listing<'a>(out: &mut Vec<u8>, folder: &str, names: impl IntoIterator<Item = &'a str>) {
    out.extend_from_slice(b"<!DOCTYPE html>\n<html>\n<head>\n<title>Index of /");
    escape(out, folder);
    out.extend_from_slice(b"</title>\n</head>\n<body>\n<h1>Index of /");
    escape(out, folder);
    out.extend_from_slice(b"</h1>\n<ul>\n");
    for name in names {
        out.extend_from_slice(b"<li><a href=\"");
        escape(out, name);
        out.extend_from_slice(b"\">");
        escape(out, name);
        out.extend_from_slice(b"</a></li>\n");
    }
    out.extend_from_slice(b"</ul>\n</body>\n</html>\n");
}

fn escape(out: &mut Vec<u8>, text: &str) {
    for b in text.bytes() {
        match b {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(b),
        }
    }
}
