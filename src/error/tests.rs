//! What a user is told to do.

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("cannot write partition")]
struct Outer(#[source] std::io::Error);

#[test]
fn failures_of_the_file_system_say_what_to_do_wherever_they_lie_in_the_chain() {
    use std::io::ErrorKind as Io;
    for (kind, word) in [
        (Io::PermissionDenied, "--lake DIR"),
        (Io::ReadOnlyFilesystem, "--lake DIR"),
        (Io::StorageFull, "free some disk space"),
        (Io::NotADirectory, "name another folder"),
    ] {
        let deep = CommandError::new(ErrorKind::Data, &Outer(kind.into()));
        let direct = CommandError::io("create", Path::new("lake"), &kind.into());
        for error in [deep, direct] {
            assert_eq!(error.hints.len(), 1, "{error}");
            assert!(error.hints[0].contains(word), "{error}");
        }
    }
    let other = CommandError::new(ErrorKind::Data, &Outer(Io::UnexpectedEof.into()));
    assert!(other.hints.is_empty());
}
