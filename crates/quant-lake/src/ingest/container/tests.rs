//! Every container, sound and hostile: the text or the typed refusal.
