#[ringmesh::main(shards = 0, driver = "kqueue")]
async fn main() {}
