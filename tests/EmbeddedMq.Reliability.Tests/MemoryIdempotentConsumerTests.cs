namespace EmbeddedMq.Reliability.Tests;

public sealed class MemoryIdempotentConsumerTests : IdempotentConsumerContract
{
    protected override ValueTask<IIdempotenceStore> CreateAsync() => new(new MemoryIdempotenceStore());
}
