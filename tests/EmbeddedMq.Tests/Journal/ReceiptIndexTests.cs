using EmbeddedMq.Journal;
using EmbeddedMq.TestSupport;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Journal;

/// <summary>What every index of receipts does.</summary>
public abstract class ReceiptIndexTests : IDisposable
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(7);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly List<IDisposable> _indexes = [];

    /// <inheritdoc/>
    public void Dispose()
    {
        _indexes.ForEach(static index => index.Dispose());
        CleanUp();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void Put_ThenFind_GivesTheLastOfTheKey()
    {
        IReceiptIndex index = Create(100);
        Assert.False(index.TryFind(1, out _));

        index.Put(1, Receipt(11, 2));
        index.Put(2, Receipt(UInt128.MaxValue, 255));
        index.Put(1, Receipt(12, 1));

        Assert.Equal(((UInt128)12, 1), Find(index, 1)!.Value);
        Assert.Equal((UInt128.MaxValue, 255), Find(index, 2)!.Value);
        Assert.Equal(Now, index.TryFind(2, out IndexedReceipt found) ? found.AtUtcMs : 0);
        Assert.InRange(index.Count, 2, IsExact ? 2 : 3);
    }

    [Fact]
    public void Retention_Over_IsNotFound()
    {
        IReceiptIndex index = Create(100);
        index.Put(1, Receipt(1, 1));
        _time.Advance(Retention);
        Assert.NotNull(Find(index, 1));

        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Null(Find(index, 1));
        index.Put(2, Receipt(2, 1));
        Assert.InRange(index.Count, 1, IsExact ? 1 : 2);
    }

    [Fact]
    public void Many_RandomWithReplacements_AgreeWithAListOfTheNewest()
    {
        const int MaxCount = 3_000;
        int seed = Seeds.Pick(41);
        Random random = Seeds.Generator(seed);
        IReceiptIndex index = Create(MaxCount);
        Dictionary<int, int> last = [];
        LinkedList<int> order = [];
        Dictionary<int, LinkedListNode<int>> places = [];
        for (int i = 1; i <= 40_000; i++)
        {
            int key = random.Next(6_000);
            index.Put(KeyOf(key), Receipt((UInt128)i, (byte)i));
            if (places.Remove(key, out LinkedListNode<int>? old))
            {
                order.Remove(old);
            }

            last[key] = i;
            places[key] = order.AddLast(key);
            if (order.Count > MaxCount)
            {
                int oldest = order.First!.Value;
                order.RemoveFirst();
                places.Remove(oldest);
            }

            int asked = random.Next(6_000);
            (UInt128, int)? newest = last.TryGetValue(asked, out int at) ? ((UInt128)at, (byte)at) : null;
            (UInt128, int)? found = Find(index, KeyOf(asked));
            bool mustBeThere = IsExact ? places.ContainsKey(asked) : newest is not null && i - at < MaxCount;
            Assert.True(found == newest || (found is null && !mustBeThere), $"Seed {seed}, step {i}, key {asked}: {found} instead of {newest}");
            Assert.True(!IsExact || mustBeThere == found is not null, $"Seed {seed}, step {i}, key {asked}");
        }

        Assert.InRange(index.Count, order.Count, IsExact ? order.Count : MaxCount + 2_048);
    }

    [Fact]
    public async Task Threads_EachWithKeysOfItsOwn_FindWhatTheyHavePut()
    {
        IReceiptIndex index = Create(1_000_000);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                UInt128 key = KeyOf((thread * 1_000_000) + i);
                index.Put(key, Receipt(key, 1));
                Assert.Equal((key, 1), Find(index, key)!.Value);
                UInt128 earlier = KeyOf((thread * 1_000_000) + (i / 2));
                Assert.Equal((earlier, 1), Find(index, earlier)!.Value);
            }
        })));

        Assert.Equal(160_000, index.Count);
    }

    /// <summary>Whether it keeps exactly so many as it should, and counts what was replaced no more. If not, it lets go a thousand at a time.</summary>
    protected virtual bool IsExact => true;

    private protected abstract IReceiptIndex Create(long maxCount, TimeSpan retention, TimeProvider time);

    /// <summary>Removes what indexes leave behind.</summary>
    protected virtual void CleanUp()
    {
    }

    private long Now => _time.GetUtcNow().ToUnixTimeMilliseconds();

    private static UInt128 KeyOf(int number) => new((ulong)number * 0x9E3779B97F4A7C15, (ulong)number * 0xC2B2AE3D27D4EB4F);

    private IReceiptIndex Create(long maxCount)
    {
        IReceiptIndex index = Create(maxCount, Retention, _time);
        _indexes.Add(index);
        return index;
    }

    private IndexedReceipt Receipt(UInt128 fingerprint, byte state) => new(fingerprint, state, Now);

    private static (UInt128 Fingerprint, int State)? Find(IReceiptIndex index, UInt128 key)
        => index.TryFind(key, out IndexedReceipt receipt) ? (receipt.Fingerprint, receipt.State) : null;
}
