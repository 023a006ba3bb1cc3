//! Elements of DER, one after the other: what `x509` and `key` read.

use der::{Decode, Header, Reader, Result, SliceReader, Tag};

/// Reads the next element; returns its tag, and what is in it.
pub(super) fn next<'a>(reader: &mut SliceReader<'a>) -> Result<(Tag, &'a [u8])> {
    let header = Header::decode(reader)?;
    Ok((header.tag(), reader.read_slice(header.length())?))
}

/// Reads the next element, which is a SEQUENCE; returns what reads the elements in it.
pub(super) fn sequence<'a>(reader: &mut SliceReader<'a>) -> Result<SliceReader<'a>> {
    let (tag, content) = next(reader)?;
    tag.assert_eq(Tag::Sequence)?;
    SliceReader::new(content)
}

/// Reads all of `der`, which is a SEQUENCE and nothing else.
pub(super) fn whole(der: &[u8]) -> Result<SliceReader<'_>> {
    let mut reader = SliceReader::new(der)?;
    let content = sequence(&mut reader)?;
    reader.finish()?;
    Ok(content)
}
