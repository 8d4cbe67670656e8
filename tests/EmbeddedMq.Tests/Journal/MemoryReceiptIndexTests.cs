using EmbeddedMq.Journal;

namespace EmbeddedMq.Tests.Journal;

public sealed class MemoryReceiptIndexTests : ReceiptIndexTests
{
    private protected override IReceiptIndex Create(long maxCount, TimeSpan retention, TimeProvider time) => new MemoryReceiptIndex(maxCount, retention, time);
}
