using EmbeddedMq.Journal;

namespace EmbeddedMq.Storage.Records;

/// <summary>The body of a batch: settles, marks, receipts and messages that hold all together or not at all. Layout: <see cref="BatchFormat"/>.</summary>
/// <remarks>The lists must stay as they are until the body is written.</remarks>
internal readonly ref struct BatchBody : IRecordBody
{
    private readonly ulong _transactionId;
    private readonly ReadOnlySpan<Settle> _settles;
    private readonly ReadOnlySpan<Mark> _marks;
    private readonly ReadOnlySpan<BatchMessage> _messages;
    private readonly ReadOnlySpan<Receipt> _receipts;
    private readonly int _settleBytes;
    private readonly int _markBytes;
    private readonly int _receiptBytes;
    private readonly int _length;

    /// <summary>Makes the body.</summary>
    /// <param name="settles">What queues no longer hold.</param>
    /// <param name="marks">What is new about messages that stay.</param>
    /// <param name="messages">What queues hold from now on; at most <see cref="StoredId.MaxMessages"/>.</param>
    /// <param name="transactionId">The transaction that it is a part of; 0: it is whole by itself.</param>
    /// <param name="receipts">What was dealt with.</param>
    /// <exception cref="ArgumentException">Too many messages, settles that do not rise, or headers nested too deep to be stored.</exception>
    internal BatchBody(
        ReadOnlySpan<Settle> settles,
        ReadOnlySpan<Mark> marks,
        ReadOnlySpan<BatchMessage> messages,
        ulong transactionId = 0,
        ReadOnlySpan<Receipt> receipts = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(messages.Length, StoredId.MaxMessages, nameof(messages));
        _transactionId = transactionId;
        _settles = settles;
        _marks = marks;
        _messages = messages;
        _receipts = receipts;
        _settleBytes = BytesOf(settles);
        _markBytes = BytesOf(marks);
        _receiptBytes = BytesOf(receipts);
        _length = 2 + (transactionId == 0 ? 0 : Encoded.VarintLength(transactionId));
        _length = checked(_length + SectionLength(_settleBytes) + SectionLength(_markBytes) + SectionLength(_receiptBytes));
        if (!messages.IsEmpty)
        {
            _length = checked(_length + Encoded.VarintLength((uint)messages.Length));
            foreach (ref readonly BatchMessage message in messages)
            {
                _length = checked(_length + Encoded.BlobLength(LengthOf(message)));
            }
        }
    }

    /// <inheritdoc/>
    public int GetLength() => _length;

    /// <inheritdoc/>
    public void Write(Span<byte> destination)
    {
        ByteWriter writer = new(destination);
        writer.Byte(_receipts.IsEmpty ? BatchFormat.Version : BatchFormat.VersionWithReceipts);
        writer.Byte((byte)((_transactionId == 0 ? 0 : BatchFormat.IsPart) | (_settles.IsEmpty ? 0 : BatchFormat.HasSettles)
            | (_marks.IsEmpty ? 0 : BatchFormat.HasMarks) | (_receipts.IsEmpty ? 0 : BatchFormat.HasReceipts) | (_messages.IsEmpty ? 0 : BatchFormat.HasMessages)));
        if (_transactionId != 0)
        {
            writer.Varint(_transactionId);
        }

        WriteSection(ref writer, _settles, _settleBytes);
        WriteSection(ref writer, _marks, _markBytes);
        WriteSection(ref writer, _receipts, _receiptBytes);
        WriteMessages(ref writer);
        writer.AssertFull();
    }

    private static int BytesOf<T>(ReadOnlySpan<T> items)
        where T : struct, IBatchItem
    {
        int bytes = 0;
        foreach (ref readonly T item in items)
        {
            bytes = checked(bytes + item.GetLength());
        }

        return bytes;
    }

    private static void WriteSection<T>(ref ByteWriter writer, ReadOnlySpan<T> items, int bytes)
        where T : struct, IBatchItem
    {
        if (items.IsEmpty)
        {
            return;
        }

        writer.Varint((uint)bytes);
        foreach (ref readonly T item in items)
        {
            item.Write(ref writer);
        }
    }

    private static int SectionLength(int bytes) => bytes == 0 ? 0 : Encoded.BlobLength(bytes);

    private static int LengthOf(in BatchMessage message)
        => MessageCodec.GetLength(message.Exchange, message.RoutingKey, message.Properties, message.Body, message.Priority, message.Refs.Span);

    private void WriteMessages(ref ByteWriter writer)
    {
        if (_messages.IsEmpty)
        {
            return;
        }

        writer.Varint((uint)_messages.Length);
        foreach (ref readonly BatchMessage message in _messages)
        {
            writer.Varint((uint)LengthOf(message));
            MessageCodec.Write(ref writer, message.Exchange, message.RoutingKey, message.Properties, message.Body, message.Priority, message.Refs.Span);
        }
    }
}
