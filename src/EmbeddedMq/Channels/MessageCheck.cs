using System.Text;
using EmbeddedMq.Errors;
using EmbeddedMq.Messages;

namespace EmbeddedMq.Channels;

/// <summary>What must hold of a message and of names before a channel acts on them.</summary>
internal static class MessageCheck
{
    // A character takes at most three bytes of UTF-8 (a pair takes four), so that shorter texts need no counting.
    private const int MaxBytesPerChar = 3;

    /// <summary>Checks the size of a message that is published.</summary>
    /// <param name="message">The message.</param>
    /// <param name="limits">The broker's limits.</param>
    /// <exception cref="ChannelException">406: too large.</exception>
    internal static void CheckSize(Message message, BrokerLimits limits)
    {
        if (message.CountedBytes > limits.MaxMessageBytes)
        {
            throw MqErrors.MessageTooLarge(message.CountedBytes, limits.MaxMessageBytes);
        }
    }

    /// <summary>Looks for what is wrong with the properties of a message that is published, in the order in which RabbitMQ does.</summary>
    /// <param name="properties">The properties.</param>
    /// <param name="userName">The connection's user.</param>
    /// <param name="limits">The broker's limits.</param>
    /// <returns>406: another user's name, an invalid expiration, too many headers; <see langword="null"/> when nothing is wrong.</returns>
    internal static ChannelException? FindFault(MessageProperties properties, string userName, BrokerLimits limits)
    {
        if (ReferenceEquals(properties, MessageProperties.Empty))
        {
            return null;
        }

        if (properties.UserId is { } userId && userId != userName)
        {
            return MqErrors.OtherUserId(userId, userName);
        }

        if (properties.Expiration is { } expiration && !Expiration.TryParse(expiration, out _, out string reason))
        {
            return MqErrors.InvalidExpiration(expiration, reason);
        }

        if (properties.Headers is { Count: > 0 } headers && HeaderSize.Exceeds(headers, limits.MaxHeaderBytes, out long bytes))
        {
            return MqErrors.HeadersTooLarge(bytes, limits.MaxHeaderBytes);
        }

        // Over a wire each has 255 bytes at most. Here they may be longer, as far as what is stored of a message keeps its bound.
        long texts = CharsOf(properties);
        return texts * MaxBytesPerChar > limits.MaxHeaderBytes && (texts = BytesOf(properties)) > limits.MaxHeaderBytes
            ? MqErrors.TextsTooLarge(texts, limits.MaxHeaderBytes)
            : null;
    }

    /// <summary>Checks that the arguments of a declaration or a binding can be stored and read back.</summary>
    /// <param name="subject">Whose arguments they are, for the text.</param>
    /// <param name="arguments">The arguments.</param>
    /// <exception cref="ChannelException">406: nested too deep, or too long.</exception>
    internal static void CheckArguments(string subject, HeaderTable arguments)
    {
        if (arguments.Count > 0 && HeaderSize.IsTooDeep(arguments))
        {
            throw MqErrors.ArgumentsTooDeep(subject, HeaderSize.MaxDepth);
        }

        if (arguments.Count > 0 && HeaderSize.Exceeds(arguments, HeaderSize.MaxArgumentBytes, out long bytes))
        {
            throw MqErrors.ArgumentsTooLong(subject, bytes, HeaderSize.MaxArgumentBytes);
        }
    }

    /// <summary>Checks the length of a name.</summary>
    /// <param name="kind">What it names, for the text.</param>
    /// <param name="name">The name.</param>
    /// <param name="limits">The broker's limits.</param>
    /// <exception cref="ChannelException">406: too long.</exception>
    internal static void CheckName(string kind, string name, BrokerLimits limits)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length * MaxBytesPerChar > limits.MaxNameBytes && Encoding.UTF8.GetByteCount(name) is var bytes && bytes > limits.MaxNameBytes)
        {
            throw MqErrors.NameTooLong(kind, name, bytes, limits.MaxNameBytes);
        }
    }

    private static long CharsOf(MessageProperties properties)
        => (long)(properties.ContentType?.Length ?? 0) + (properties.ContentEncoding?.Length ?? 0) + (properties.CorrelationId?.Length ?? 0)
            + (properties.ReplyTo?.Length ?? 0) + (properties.MessageId?.Length ?? 0) + (properties.Type?.Length ?? 0)
            + (properties.AppId?.Length ?? 0) + (properties.ClusterId?.Length ?? 0);

    private static long BytesOf(MessageProperties properties)
    {
        string?[] texts =
        [
            properties.ContentType, properties.ContentEncoding, properties.CorrelationId, properties.ReplyTo,
            properties.MessageId, properties.Type, properties.AppId, properties.ClusterId,
        ];
        return texts.Sum(static text => text is null ? 0L : Encoding.UTF8.GetByteCount(text));
    }

    /// <summary>A name as brokers store it: without carriage returns and line feeds.</summary>
    /// <param name="name">The name.</param>
    internal static string StripLineBreaks(string name)
        => name.AsSpan().IndexOfAny('\r', '\n') < 0
            ? name
            : name.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
}
