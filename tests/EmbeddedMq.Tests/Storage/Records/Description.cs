using System.Globalization;
using EmbeddedMq.Storage.Records;

namespace EmbeddedMq.Tests.Storage.Records;

/// <summary>Stored values as text that says all there is: types, bits, order. Equal texts are equal values, and a difference can be read.</summary>
internal static class Description
{
    public static string Of(object? value) => value switch
    {
        null => "null",
        string text => $"'{text}'",
        byte[] bytes => $"bytes {Convert.ToHexString(bytes)}",
        float number => $"float {BitConverter.SingleToUInt32Bits(number):x}",
        double number => $"double {BitConverter.DoubleToUInt64Bits(number):x}",
        decimal number => $"decimal {string.Join(',', decimal.GetBits(number))}",
        DateTimeOffset time => $"time {time.Ticks} {time.Offset}",
        HeaderTable table => $"{{{string.Join("; ", table.Entries.ToArray().Select(entry => $"'{entry.Key}': {Of(entry.Value)}"))}}}",
        IReadOnlyList<object?> list => $"[{string.Join("; ", list.Select(Of))}]",
        _ => $"{value.GetType().Name} {Convert.ToString(value, CultureInfo.InvariantCulture)}",
    };

    public static string Of(MessageProperties properties) => string.Join('|', (string[])
    [
        Of(properties.ContentType), Of(properties.ContentEncoding), Of(properties.Headers), Of(properties.DeliveryMode), Of(properties.Priority),
        Of(properties.CorrelationId), Of(properties.ReplyTo), Of(properties.Expiration), Of(properties.MessageId), Of(properties.Timestamp),
        Of(properties.Type), Of(properties.UserId), Of(properties.AppId), Of(properties.ClusterId),
    ]);

    public static string Of(in StoredMessage message)
        => $"{Of(message.Exchange)} {Of(message.RoutingKey)} {Of(message.Message.Properties)} {Convert.ToHexString(message.Message.Body.Span)}";
}
