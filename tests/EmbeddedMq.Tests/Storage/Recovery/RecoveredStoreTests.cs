using EmbeddedMq.Queues;
using EmbeddedMq.Storage.Records;
using EmbeddedMq.Storage.Recovery;

namespace EmbeddedMq.Tests.Storage.Recovery;

public sealed class RecoveredStoreTests
{
    [Fact]
    public void NamelessQueue_ItsBlockIsOfAHigherPriority_HasThatPriority()
    {
        RecoveredStore store = new();
        BlockDescriptor block = new(4_096, 1_000, 2, new StoredId(64, 0), new StoredId(128, 0), 10);
        store.Apply(new TopologyItem.QueueBlockKept(7, 3, block, ReadOnlyMemory<ulong>.Empty, []));

        store.NameNamelessQueues();

        TopologyItem.QueueDeclared named = store.VirtualHosts["/"].Queues["salvaged-7"];
        Assert.Equal(3, QueueArguments.Parse("/", named.Declaration).MaxPriority);
    }
}
