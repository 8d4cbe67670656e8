using System.Text;

namespace EmbeddedMq;

/// <summary>A message: a body and its properties. Immutable, and shared by every queue that holds it.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class Message
{
    /// <summary>Makes a message with a copy of the body.</summary>
    /// <param name="body">The body; copied, so the caller may reuse its buffer.</param>
    /// <param name="properties">The properties; <see langword="null"/> means none are set.</param>
    public Message(ReadOnlySpan<byte> body, MessageProperties? properties = null)
        : this(body.IsEmpty ? ReadOnlyMemory<byte>.Empty : body.ToArray(), properties ?? MessageProperties.Empty)
    {
    }

    private Message(ReadOnlyMemory<byte> body, MessageProperties properties)
    {
        Body = body;
        Properties = properties;
    }

    /// <summary>The body; may be empty.</summary>
    public ReadOnlyMemory<byte> Body { get; }

    /// <summary>The properties.</summary>
    public MessageProperties Properties { get; }

    /// <summary>The headers; empty when none are set.</summary>
    public HeaderTable Headers => Properties.Headers ?? HeaderTable.Empty;

    /// <summary>Makes a message around a body that the caller hands over and never changes again; nothing is copied.</summary>
    /// <param name="body">The body.</param>
    /// <param name="properties">The properties; <see langword="null"/> means none are set.</param>
    public static Message TakeOwnership(ReadOnlyMemory<byte> body, MessageProperties? properties = null)
        => new(body, properties ?? MessageProperties.Empty);

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
        return new Message(Body, properties);
    }
}
