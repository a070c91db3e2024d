//! Takes the one text out of a packed file and packs it again the same way.

use std::io::{self, Cursor, Read, Write};

use flate2::read::{GzDecoder, MultiGzDecoder};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Effort of every deflate stream made here: fixed, since it decides the bytes.
const LEVEL: u32 = 6;

/// How a text is packed, and the names and times that must be kept.
pub(super) enum Container {
    Zip {
        member: String,
    },
    Gz {
        name: Option<Vec<u8>>,
        mtime: u32,
    },
    TarGz {
        header: Box<tar::Header>,
        path: Vec<u8>,
    },
    Plain,
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Container {
    /// Unpacks a file by the ending of its name.
    pub(super) fn unpack(name: &str, bytes: &[u8]) -> io::Result<(Self, Vec<u8>)> {
        let ends = |ending: &str| name.to_ascii_lowercase().ends_with(ending);
        let mut text = Vec::new();
        if ends(".zip") {
            let mut zip = ZipArchive::new(Cursor::new(bytes))?;
            if zip.len() != 1 {
                return Err(invalid("expected a zip of one member"));
            }
            let mut file = zip.by_index(0)?;
            file.read_to_end(&mut text)?;
            let member = file.name()?.into_owned();
            return Ok((Self::Zip { member }, text));
        }
        if ends(".tar.gz") || ends(".tgz") {
            let mut tar = tar::Archive::new(GzDecoder::new(bytes));
            let mut entries = tar.entries()?;
            let Some(entry) = entries.next() else {
                return Err(invalid("expected a tar of one member"));
            };
            let mut entry = entry?;
            let (header, path) = (
                Box::new(entry.header().clone()),
                entry.path_bytes().into_owned(),
            );
            entry.read_to_end(&mut text)?;
            if entries.next().is_some() {
                return Err(invalid("expected a tar of one member"));
            }
            return Ok((Self::TarGz { header, path }, text));
        }
        if ends(".gz") {
            let mut gz = MultiGzDecoder::new(bytes);
            gz.read_to_end(&mut text)?;
            // After the last member the decoder knows no header any more: ask the first one.
            let first = GzDecoder::new(bytes);
            let header = first.header();
            return Ok((
                Self::Gz {
                    name: header.and_then(|h| h.filename().map(<[u8]>::to_vec)),
                    mtime: header.map_or(0, flate2::GzHeader::mtime),
                },
                text,
            ));
        }
        text.extend_from_slice(bytes);
        Ok((Self::Plain, text))
    }

    /// Packs what `fill` writes.
    pub(super) fn pack(
        &self,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<Vec<u8>> {
        match self {
            Self::Zip { member } => {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .compression_level(Some(i64::from(LEVEL)))
                    .last_modified_time(DateTime::default())
                    .system(zip::System::Unix)
                    .unix_permissions(0o644)
                    .large_file(false);
                let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
                zip.start_file(member.as_str(), options)?;
                fill(&mut zip)?;
                Ok(zip.finish()?.into_inner())
            }
            Self::Gz { name, mtime } => {
                let mut builder = GzBuilder::new().mtime(*mtime);
                if let Some(name) = name {
                    builder = builder.filename(name.as_slice());
                }
                let mut gz = builder.write(Vec::new(), Compression::new(LEVEL));
                fill(&mut gz)?;
                gz.finish()
            }
            Self::TarGz { header, path } => {
                // A tar says how long a member is before the member.
                let mut text = Vec::new();
                fill(&mut text)?;
                let mut header = header.clone();
                header.set_size(text.len() as u64);
                header.set_cksum();
                let gz = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
                let mut tar = tar::Builder::new(gz);
                let path = String::from_utf8_lossy(path).into_owned();
                tar.append_data(&mut header, path, text.as_slice())?;
                tar.into_inner()?.finish()
            }
            Self::Plain => {
                let mut text = Vec::new();
                fill(&mut text)?;
                Ok(text)
            }
        }
    }
}
