namespace EmbeddedMq.Handlers.Publishing;

/// <summary>An object on its way to handlers in the same process; written only if somebody asks for bytes.</summary>
/// <typeparam name="T">The type under which it was published; only whoever consumes this very type may have the object.</typeparam>
/// <param name="value">The object; nobody changes it any more.</param>
/// <param name="serializer">Writes it.</param>
/// <param name="countedBytes">How many bytes it counts for.</param>
internal sealed class ReferenceBody<T>(T value, IMessageSerializer serializer, int countedBytes) : LazyBody(countedBytes)
{
    /// <summary>The object.</summary>
    public T Value => value;

    /// <inheritdoc/>
    protected override byte[] Make() => BodyWriter.Write(serializer, value);
}
