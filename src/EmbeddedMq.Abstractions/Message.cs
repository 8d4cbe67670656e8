using System.Text;

namespace EmbeddedMq;

/// <summary>A message: a body and its properties. Immutable, and shared by every queue that holds it.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class Message
{
    private readonly ReadOnlyMemory<byte> _body; // empty while the lazy body has not been made for this message

    /// <summary>Makes a message with a copy of the body.</summary>
    /// <param name="body">The body; copied, so the caller may reuse its buffer.</param>
    /// <param name="properties">The properties; <see langword="null"/> means none are set.</param>
    public Message(ReadOnlySpan<byte> body, MessageProperties? properties = null)
        : this(body.IsEmpty ? ReadOnlyMemory<byte>.Empty : body.ToArray(), properties ?? MessageProperties.Empty)
    {
    }

    private Message(ReadOnlyMemory<byte> body, MessageProperties properties, LazyBody? lazyBody = null)
    {
        _body = body;
        LazyBody = lazyBody;
        Properties = properties;
    }

    /// <summary>The body; may be empty. One that is lazy is made by the first who asks.</summary>
    public ReadOnlyMemory<byte> Body => LazyBody is null || !_body.IsEmpty ? _body : LazyBody.Bytes;

    /// <summary>How many bytes the body counts for where bytes are counted: its length, or what a lazy one says that has not been made for this message.</summary>
    /// <remarks>It never changes, so that what was counted in is counted out.</remarks>
    public int CountedBytes => LazyBody is null || !_body.IsEmpty ? _body.Length : LazyBody.CountedBytes;

    /// <summary>What the body is made of when it is first read; <see langword="null"/> for a body that was given as bytes.</summary>
    public LazyBody? LazyBody { get; }

    /// <summary>The properties.</summary>
    public MessageProperties Properties { get; }

    /// <summary>The headers; empty when none are set.</summary>
    public HeaderTable Headers => Properties.Headers ?? HeaderTable.Empty;

    /// <summary>Makes a message around a body that the caller hands over and never changes again; nothing is copied.</summary>
    /// <param name="body">The body.</param>
    /// <param name="properties">The properties; <see langword="null"/> means none are set.</param>
    public static Message TakeOwnership(ReadOnlyMemory<byte> body, MessageProperties? properties = null)
        => new(body, properties ?? MessageProperties.Empty);

    /// <summary>Makes a message whose body is made when somebody first reads it.</summary>
    /// <param name="body">The body.</param>
    /// <param name="properties">The properties; <see langword="null"/> means none are set.</param>
    public static Message Lazy(LazyBody body, MessageProperties? properties = null)
    {
        ArgumentNullException.ThrowIfNull(body);
        return new Message(ReadOnlyMemory<byte>.Empty, properties ?? MessageProperties.Empty, body);
    }

    /// <summary>Makes a message whose body is a text in UTF-8.</summary>
    /// <param name="text">The text.</param>
    /// <param name="properties">The properties; <see langword="null"/> means content type <c>text/plain</c> and encoding <c>utf-8</c>.</param>
    public static Message Text(string text, MessageProperties? properties = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new Message((ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(text), properties ?? MessageProperties.PlainText);
    }

    /// <summary>The body read as UTF-8.</summary>
    public string GetText() => Encoding.UTF8.GetString(Body.Span);

    /// <summary>The same body with other properties; the body is shared.</summary>
    /// <param name="properties">The properties.</param>
    public Message WithProperties(MessageProperties properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        return new Message(_body, properties, LazyBody);
    }

    /// <summary>The same message with its body made: for whoever sends or stores it, before anything else depends on that.</summary>
    /// <returns>The message itself, unless its body is lazy. What a lazy one is made of goes on with the bytes.</returns>
    public Message WithBodyMade() => LazyBody is null ? this : new Message(Body, Properties, LazyBody);
}
