using System.Buffers;

namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Writes objects as bodies.</summary>
internal static class BodyWriter
{
    // Serialization is synchronous, so one buffer a thread is enough; a large body's buffer is not kept.
    private const int MaxKeptBufferBytes = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? _buffer;

    /// <summary>Writes an object.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="serializer">Writes it.</param>
    /// <param name="message">The object.</param>
    internal static byte[] Write<T>(IMessageSerializer serializer, T message)
    {
        // A serializer that publishes would meet its own buffer here, so it is taken away while in use.
        ArrayBufferWriter<byte> buffer = _buffer ?? new ArrayBufferWriter<byte>(1024);
        _buffer = null;
        serializer.Serialize(message, buffer);
        byte[] body = buffer.WrittenSpan.ToArray();
        if (buffer.Capacity <= MaxKeptBufferBytes)
        {
            buffer.ResetWrittenCount();
            _buffer = buffer;
        }

        return body;
    }
}
