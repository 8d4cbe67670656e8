using EmbeddedMq.Storage.Records;
using EmbeddedMq.TestSupport;

namespace EmbeddedMq.Tests.Storage.Records;

public sealed class ReceiptTests
{
    private static readonly Receipt Sample = new(
        new UInt128(0x0102030405060708, 0x090a0b0c0d0e0f10), new UInt128(0x1112131415161718, 0x191a1b1c1d1e1f20), 1, 1_893_456_000_000);

    [Fact]
    public void Batch_OfReceipts_IsTheseBytes()
        => Assert.Equal(
            "02" + "12" // format, settles and receipts
            + "06" + "00" + "07" + "03" + "80897a" // one message of queue 7
            + "27" + "01" + "100f0e0d0c0b0a090807060504030201" + "201f1e1d1c1b1a191817161514131211" + "80e896d68d37",
            RecordBodies.HexOf(new BatchBody([Settle.Entries(7, new[] { new StoredId(1_000_000, 0) })], [], [], 0, [Sample])));

    [Fact]
    public void Commit_OfOneMessageThatSendsNothing_IsSmall()
    {
        BatchBody body = new([Settle.Entries(1_000, new[] { new StoredId(1L << 40, 0) })], [], [], 0, [Sample]);

        Assert.InRange(body.GetLength(), 40, 60);
    }

    [Fact]
    public void Batch_WithReceipts_ComesBack()
    {
        int seed = Seeds.Pick(31);
        RecordSamples samples = new(seed);
        for (int i = 0; i < 300; i++)
        {
            Receipt[] receipts = samples.Many(4, () => Random(samples), atLeastOne: true);
            Settle[] settles = samples.Many(2, samples.Settle);
            BatchMessage[] messages = samples.Many(2, samples.Message);
            byte[] bytes = RecordBodies.BytesOf(new BatchBody(settles, [], messages, samples.Chance(50) ? 0ul : 7ul, receipts));

            List<Receipt> read = ReadAll(bytes, out int messageCount);

            Assert.True(receipts.SequenceEqual(read), $"seed {seed}, sample {i}");
            Assert.Equal(messages.Length, messageCount);
        }
    }

    [Fact]
    public void Batch_WithReceiptsDamaged_IsReadOrRefused()
        => Fuzz.Attack(
            RecordBodies.BytesOf(new BatchBody([Settle.Entries(7, new[] { new StoredId(1_000, 0) })], [], [], 0, [Sample, Sample with { State = 2, AtUtcMs = 0 }])),
            Seeds.Pick(32),
            static damaged => ReadAll(damaged, out _));

    [Fact]
    public void Block_ComesBackOrIsRefused()
    {
        byte[] bytes = RecordBodies.BytesOf(new ReceiptBlock([Sample, Sample with { Key = 5, State = 2 }]));

        Assert.Equal([Sample, Sample with { Key = 5, State = 2 }], ReceiptBlock.Read(bytes));
        Fuzz.Attack(bytes, Seeds.Pick(33), static damaged => ReceiptBlock.Read(damaged), static damaged => RecordBodies.BytesOf(new ReceiptBlock(ReceiptBlock.Read(damaged))));
    }

    [Fact]
    public void Block_OfNoneOrTooMany_IsRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(static () => new ReceiptBlock([]).GetLength());
        Assert.Throws<ArgumentOutOfRangeException>(static () => new ReceiptBlock(new Receipt[ReceiptBlock.MaxCount + 1]).GetLength());
    }

    [Fact]
    public void Key_IsTheFirstHalfOfAHashOverLengthScopeAndId()
    {
        // Stored: it never changes. The second computed with: (printf '\x06orders'; printf 'o%.0s' {1..1018}) | sha256sum
        Assert.Equal(Blake3.Hash("\u0006orderso-1"u8), ReceiptKey.Of("orders", "o-1"));
        Assert.Equal("c0d00184cc9264a2f4ef4fb9175ee02f", ReceiptKey.Of("orders", new string('o', 1_018)).ToString("x32", null));
        Assert.NotEqual(ReceiptKey.Of("a", "bc"), ReceiptKey.Of("ab", "c"));
        Assert.Throws<ArgumentException>(static () => ReceiptKey.Of(new string('a', 256), "b"));
        Assert.NotEqual(default, ReceiptKey.Of("", new string('日', 1_000)));
    }

    private static Receipt Random(RecordSamples samples)
        => new(new UInt128(samples.Number(), samples.Number()), new UInt128(samples.Number(), samples.Number()), (byte)samples.Number(8), (long)samples.Number(55));

    private static List<Receipt> ReadAll(byte[] bytes, out int messageCount)
    {
        BatchReader reader = new(bytes);
        List<Receipt> receipts = [];
        foreach (SettleView settle in reader.Settles)
        {
            foreach (StoredId id in settle.Ids)
            {
                _ = id;
            }

            foreach (int index in settle.Indexes)
            {
                _ = index;
            }
        }

        foreach (Receipt receipt in reader.Receipts)
        {
            receipts.Add(receipt);
        }

        messageCount = 0;
        foreach (MessageView message in reader.Messages)
        {
            messageCount += message.Index >= 0 ? 1 : 0;
        }

        return receipts;
    }
}
