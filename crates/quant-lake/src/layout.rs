//! Lake layout
