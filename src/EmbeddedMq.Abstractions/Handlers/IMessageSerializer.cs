using System.Buffers;

namespace EmbeddedMq;

/// <summary>Turns objects into message bodies and back.</summary>
/// <remarks>Called from many threads at once.</remarks>
public interface IMessageSerializer
{
    /// <summary>The MIME type that published messages carry, for example <c>application/json</c>.</summary>
    string ContentType { get; }

    /// <summary>Checks that a type can be written. Called at start for every type that is published.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <exception cref="InvalidOperationException">It cannot; the message says what to do.</exception>
    void Check<T>()
    {
    }

    /// <summary>Checks that a type can be read. Called at start for every type that is consumed. Unless implemented, the same as <see cref="Check"/>.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <exception cref="InvalidOperationException">It cannot; the message says what to do.</exception>
    void CheckReading<T>() => Check<T>();

    /// <summary>Writes an object as a body.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="value">The object.</param>
    /// <param name="body">Where to.</param>
    void Serialize<T>(T value, IBufferWriter<byte> body);

    /// <summary>Reads an object from a message's body.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="message">The message; its properties tell content type and encoding.</param>
    /// <returns>The object; <see langword="null"/> counts as unreadable.</returns>
    /// <remarks>Whatever it throws makes the message unreadable: it is dead-lettered with the reason, not retried.</remarks>
    T? Deserialize<T>(Message message);
}
