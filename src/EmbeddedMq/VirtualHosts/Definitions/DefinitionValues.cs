using System.Globalization;
using System.Text;
using System.Text.Json;
using EmbeddedMq.Errors;

namespace EmbeddedMq.VirtualHosts;

/// <summary>Turns field tables into JSON and back.</summary>
/// <remarks>
/// JSON knows fewer types than AMQP. Texts, booleans, nulls, lists and tables come back as they were; integers of any width as
/// <see cref="long"/>, which compares equal; floats, doubles and decimals as <see cref="double"/>, written with a fraction so that they
/// stay apart from integers; timestamps as their seconds and byte arrays as their text, as in RabbitMQ. Source: rabbit_misc:amqp_table
/// and to_amqp_table; RabbitMQ refuses null.
/// </remarks>
internal static class DefinitionValues
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a table; RabbitMQ writes the empty one as <c>{}</c> or <c>[]</c>.</summary>
    /// <param name="element">The JSON.</param>
    /// <param name="place">Its place, for errors.</param>
    /// <param name="errors">Takes the errors.</param>
    internal static HeaderTable ReadTable(JsonElement element, string place, List<string> errors)
    {
        if (element.ValueKind is JsonValueKind.Null || (element.ValueKind is JsonValueKind.Array && element.GetArrayLength() == 0))
        {
            return HeaderTable.Empty;
        }

        if (element.ValueKind is not JsonValueKind.Object)
        {
            errors.Add(MqErrors.DefinitionFault(place, "should be an object"));
            return HeaderTable.Empty;
        }

        List<KeyValuePair<string, object?>> entries = [];
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string inner = $"{place}.{property.Name}";
            if (Encoding.UTF8.GetByteCount(property.Name) > 255)
            {
                errors.Add(MqErrors.DefinitionFault(place, $"the name '{property.Name[..32]}…' is longer than 255 bytes of UTF-8"));
                continue;
            }

            entries.Add(new(property.Name, Read(property.Value, inner, errors)));
        }

        return new HeaderTable(entries);
    }

    /// <summary>Writes a table.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="table">The table.</param>
    /// <param name="place">Its place, for errors.</param>
    /// <exception cref="EmbeddedMqException">A value has no place in JSON.</exception>
    internal static void WriteTable(Utf8JsonWriter writer, HeaderTable table, string place)
    {
        writer.WriteStartObject();
        foreach ((string key, object? value) in table)
        {
            writer.WritePropertyName(key);
            Write(writer, value, $"{place}.{key}");
        }

        writer.WriteEndObject();
    }

    private static object? Read(JsonElement element, string place, List<string> errors)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.True:
                return true;
            case JsonValueKind.False:
                return false;
            case JsonValueKind.String:
                return element.GetString();
            case JsonValueKind.Number:
                return ReadNumber(element, place, errors);
            case JsonValueKind.Array:
                int index = 0;
                List<object?> items = new(element.GetArrayLength());
                foreach (JsonElement item in element.EnumerateArray())
                {
                    items.Add(Read(item, $"{place}[{index++}]", errors));
                }

                return items;
            default:
                return ReadTable(element, place, errors);
        }
    }

    private static object? ReadNumber(JsonElement element, string place, List<string> errors)
    {
        string text = element.GetRawText();
        bool isInteger = !text.AsSpan().ContainsAny('.', 'e', 'E');
        if (isInteger && element.TryGetInt64(out long integer))
        {
            return integer;
        }

        if (!isInteger && element.TryGetDouble(out double number) && double.IsFinite(number))
        {
            return number;
        }

        errors.Add(MqErrors.DefinitionFault(place, $"the number {text} is beyond {(isInteger ? "64 bits" : "a double")}"));
        return null;
    }

    private static void Write(Utf8JsonWriter writer, object? value, string place)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case float number:
                WriteFraction(writer, number, place);
                break;
            case double number:
                WriteFraction(writer, number, place);
                break;
            case decimal number:
                WriteFraction(writer, number.ToString(CultureInfo.InvariantCulture));
                break;
            case DateTimeOffset time:
                writer.WriteNumberValue(time.ToUnixTimeSeconds());
                break;
            case byte[] bytes:
                writer.WriteStringValue(ReadText(bytes, place));
                break;
            case HeaderTable table:
                WriteTable(writer, table, place);
                break;
            case IReadOnlyList<object?> list:
                writer.WriteStartArray();
                for (int i = 0; i < list.Count; i++)
                {
                    Write(writer, list[i], $"{place}[{i}]");
                }

                writer.WriteEndArray();
                break;
            default:
                writer.WriteNumberValue(HeaderTable.TryGetInteger(value, out long integer)
                    ? integer
                    : throw new InvalidOperationException($"A field table holds a {value.GetType()}."));
                break;
        }
    }

    private static void WriteFraction(Utf8JsonWriter writer, double number, string place)
    {
        if (!double.IsFinite(number))
        {
            throw MqErrors.NotExportable(place, number.ToString(CultureInfo.InvariantCulture));
        }

        WriteFraction(writer, number.ToString("R", CultureInfo.InvariantCulture));
    }

    private static void WriteFraction(Utf8JsonWriter writer, string digits)
        => writer.WriteRawValue(digits.AsSpan().ContainsAny('.', 'E') ? digits : digits + ".0");

    private static string ReadText(byte[] bytes, string place)
    {
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw MqErrors.NotExportable(place, "a byte array that is not UTF-8");
        }
    }
}
