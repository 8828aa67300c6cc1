#[ringmesh::main]
async fn main(handle: ringmesh::Handle, more: usize) {}
