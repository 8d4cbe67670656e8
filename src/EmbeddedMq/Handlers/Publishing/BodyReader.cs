namespace EmbeddedMq.Handlers.Publishing;

/// <summary>Reads objects out of messages.</summary>
internal static class BodyReader
{
    /// <summary>The object that a message carries by reference under this very type, or else what the serializer reads from its body.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="serializer">Reads the body.</param>
    /// <param name="message">The message.</param>
    internal static T? Read<T>(IMessageSerializer serializer, Message message)
        => message.LazyBody is ReferenceBody<T> reference ? reference.Value : serializer.Deserialize<T>(message);
}
