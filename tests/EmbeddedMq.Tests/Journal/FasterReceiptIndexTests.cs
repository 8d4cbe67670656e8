using EmbeddedMq.Journal;
using EmbeddedMq.Journal.Faster;
using EmbeddedMq.TestSupport.Journal;
using Microsoft.Extensions.Time.Testing;

namespace EmbeddedMq.Tests.Journal;

public sealed class FasterReceiptIndexTests : ReceiptIndexTests
{
    private readonly string _directory = Directory.CreateTempSubdirectory("embeddedmq-").FullName;
    private int _last;

    /// <inheritdoc/>
    protected override bool IsExact => false;

    [Fact]
    public void MoreThanFitsIntoMemory_IsFoundOnDiskAndForgottenInOrder()
    {
        const int Count = 2_500_000;
        const int MaxCount = 2_000_000;
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using IReceiptIndex index = Create(MaxCount, TimeSpan.FromDays(7), time);
        for (int i = 0; i < Count; i++)
        {
            index.Put(KeyOf(i), new IndexedReceipt((UInt128)i, 1, time.GetUtcNow().ToUnixTimeMilliseconds()));
        }

        for (int i = Count - MaxCount; i < Count; i += 997)
        {
            Assert.True(index.TryFind(KeyOf(i), out IndexedReceipt found) && found.Fingerprint == (UInt128)i, $"{i}");
        }

        for (int i = 0; i < Count - MaxCount - 2_048; i += 997)
        {
            Assert.False(index.TryFind(KeyOf(i), out _), $"{i}");
        }
    }

    [Fact]
    public void PageThatCannotBeRead_IsNotTakenForOneWithoutTheReceipt()
    {
        const int Count = 200_000;
        FaultyFiles files = new(1);
        FakeTimeProvider time = new(new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using FasterReceiptIndex index = new(Path.Combine(_directory, "faulty"), Count, TimeSpan.FromDays(7), time, files, memoryBytes: 4 << 20);
        for (int i = 0; i < Count; i++)
        {
            index.Put(KeyOf(i), new IndexedReceipt((UInt128)i, 1, time.GetUtcNow().ToUnixTimeMilliseconds()));
        }

        files.FailReads = true;
        JournalException error = Assert.Throws<JournalException>(() => index.TryFind(KeyOf(1), out _));
        Assert.Contains("Input/output error", error.Message, StringComparison.Ordinal);
        Assert.True(index.TryFind(KeyOf(Count - 1), out _), "What is in memory is found all the same.");

        files.FailReads = false;
        Assert.True(index.TryFind(KeyOf(1), out IndexedReceipt found));
        Assert.Equal((UInt128)1, found.Fingerprint);
    }

    private protected override IReceiptIndex Create(long maxCount, TimeSpan retention, TimeProvider time)
        => new FasterReceiptIndex(Path.Combine(_directory, $"{_last++}"), maxCount, retention, time, OsFiles.Instance);

    /// <inheritdoc/>
    protected override void CleanUp() => Directory.Delete(_directory, recursive: true);

    private static UInt128 KeyOf(int number) => new((ulong)number * 0x9E3779B97F4A7C15, (ulong)number * 0xC2B2AE3D27D4EB4F);
}
