import de.odysseus.el.ExpressionFactoryImpl;
import de.odysseus.el.util.SimpleContext;
import de.odysseus.el.util.SimpleResolver;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import javax.el.ArrayELResolver;
import javax.el.BeanELResolver;
import javax.el.CompositeELResolver;
import javax.el.ExpressionFactory;
import javax.el.ListELResolver;
import javax.el.MapELResolver;

/**
 * Evaluates one expression a line with JUEL itself and writes what ../juel.jsonl has:
 * ["expression","type","value"]. To add cases:
 *
 *   mvn -q dependency:copy-dependencies -DoutputDirectory=lib
 *   java -cp 'lib/*' Values.java < expressions.txt >> ../juel.jsonl
 */
public class Values {
    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        ExpressionFactory factory = new ExpressionFactoryImpl(ExpressionFactoryImpl.Profile.JEE6);
        Map<String, Object> variables = variables();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            System.out.println("[" + quote(line) + "," + evaluate(factory, variables, line) + "]");
        }
    }

    static Map<String, Object> variables() {
        Map<String, Object> v = new TreeMap<>();
        v.put("i", 5);
        v.put("z", 0);
        v.put("l", 10L);
        v.put("d", 2.5);
        v.put("s", "abc");
        v.put("n", "42");
        v.put("dn", "2.5");
        v.put("e", "");
        v.put("t", true);
        v.put("f", false);
        v.put("nul", null);
        v.put("ts", "TRUE");
        v.put("list", Arrays.asList("x", "y", "z"));
        v.put("nums", Arrays.asList(1, 2L, 2.5));
        v.put("el", new ArrayList<Object>());
        v.put("map", new TreeMap<String, Object>(Map.of("a", 1, "b", Map.of("c", "deep"))));
        v.put("date", new Date(1767600000000L));
        v.put("later", new Date(1767686400000L));
        v.put("nan", Double.NaN);
        v.put("big", 1e20);
        v.put("min", Integer.MIN_VALUE);
        return v;
    }

    static String evaluate(ExpressionFactory factory, Map<String, Object> variables, String text) {
        CompositeELResolver members = new CompositeELResolver();
        members.add(new ArrayELResolver());
        members.add(new ListELResolver());
        members.add(new MapELResolver());
        members.add(new BeanELResolver());
        SimpleContext context = new SimpleContext(new SimpleResolver(members));
        variables.forEach((name, value) -> context.setVariable(name, factory.createValueExpression(value, Object.class)));
        try {
            return show(factory.createValueExpression(context, text, Object.class).getValue(context));
        } catch (Exception e) {
            return "\"error\"";
        }
    }

    static String show(Object v) {
        if (v == null) {
            return "\"null\"";
        }
        if (v instanceof char[]) {
            v = new String((char[]) v).split("");
        }
        if (v instanceof Object[]) {
            v = Arrays.asList((Object[]) v);
        }
        if (v instanceof Collection) {
            List<String> items = new ArrayList<>();
            ((Collection<?>) v).forEach(item -> items.add("[" + show(item) + "]"));
            return "\"List\",[" + String.join(",", items) + "]";
        }
        String type = v instanceof Map ? "Map" : v instanceof Character ? "String" : v.getClass().getSimpleName();
        return quote(type) + "," + quote(v.toString());
    }

    static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') {
                b.append('\\').append(c);
            } else if (c < ' ' || c > '~') {
                b.append(String.format("\\u%04x", (int) c));
            } else {
                b.append(c);
            }
        }
        return b.append('"').toString();
    }
}
